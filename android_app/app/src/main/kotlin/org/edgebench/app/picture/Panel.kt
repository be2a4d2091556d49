package org.edgebench.app.picture

import android.graphics.Bitmap
import android.view.View
import android.widget.ImageView
import android.widget.TextView
import org.edgebench.app.R
import org.edgebench.app.models.ModelStore
import org.edgebench.app.models.Worker
import org.edgebench.app.ui.AspectFrame
import org.edgebench.app.ui.Choices
import org.edgebench.app.ui.Overlay
import org.edgebench.app.ui.Seen
import org.edgebench.app.ui.text
import org.edgebench.core.tensor.Crop

/** One model beside a picture; a screen that compares has two. */
internal class Panel(private val view: View, store: ModelStore) : AutoCloseable {
    private val worker = Worker(store, ::show)
    private var picture: Bitmap? = null
    private val choices = Choices(store.models, view.findViewById(R.id.model), view.findViewById(R.id.accelerator)) {
        worker.choose(it, ::predict)
    }

    fun select(model: Int) = choices.select(model)

    fun show(shown: Bitmap) {
        picture = shown
        view.findViewById<ImageView>(R.id.picture).setImageBitmap(shown)
        view.findViewById<AspectFrame>(R.id.frame).aspect = shown.width.toFloat() / shown.height
        worker.handler.post(::predict)
    }

    /** Several times, on the model's thread: a single inference says nothing of the latency. */
    private fun predict() {
        val shown = picture ?: return
        repeat(TIMES) {
            worker.predict(shown.width, { Crop(shown.width, shown.height, 0, it.width, it.height) }) { crop, into ->
                Pictures.toRgb(shown, crop, into)
            }
        }
    }

    private fun show(state: Seen) {
        view.findViewById<TextView>(R.id.said).text = state.text(view.resources)
        view.findViewById<Overlay>(R.id.overlay).show(state)
    }

    override fun close() = worker.close()

    private companion object {
        const val TIMES = 20
    }
}
