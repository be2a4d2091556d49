package org.edgebench.app.models

import android.os.Handler
import android.os.HandlerThread
import android.os.Looper
import org.edgebench.app.ui.Choice
import org.edgebench.app.ui.Seen
import org.edgebench.core.run.sentence
import org.edgebench.core.task.BundledModel
import org.edgebench.core.task.Latencies
import org.edgebench.core.task.Predictor
import org.edgebench.core.tensor.Crop

/** Loads a model and runs it, on a thread of its own; the screen is told on the main thread. */
class Worker(private val store: ModelStore, private val show: (Seen) -> Unit) : AutoCloseable {
    private val thread = HandlerThread("model").apply { start() }
    private val screen = Handler(Looper.getMainLooper())

    /** Where frames are to be given to; see [predict]. */
    val handler = Handler(thread.looper)

    private var predictor: Predictor? = null
    private var pixels = ByteArray(0)
    private val latencies = Latencies()

    /** Load another model, and then do something there. */
    fun choose(choice: Choice, then: () -> Unit = {}) {
        tell(Seen.Loading)
        handler.post {
            attempt {
                unload()
                predictor = store.open(choice.model, choice.delegate)
                then()
            }
        }
    }

    /**
     * Predict from a picture, on the thread of [handler]. `crop` says which part of it a model sees, and `read` puts
     * the pixels of that part into an array.
     */
    fun predict(pictureWidth: Int, crop: (BundledModel) -> Crop, read: (Crop, ByteArray) -> Unit) {
        val loaded = predictor ?: return
        attempt {
            val part = crop(loaded.model)
            if (pixels.size != part.toWidth * part.toHeight * 3) pixels = ByteArray(part.toWidth * part.toHeight * 3)
            read(part, pixels)
            val found = loaded.predict(pixels)
            latencies.add(loaded.inferenceNs)
            tell(Seen.Predicted(loaded.model, found, latencies.summary()!!, part, pictureWidth))
        }
    }

    private fun attempt(work: () -> Unit) = try {
        work()
    } catch (error: Exception) {
        unload()
        tell(Seen.Failed(error.sentence()))
    }

    private fun unload() {
        predictor?.close()
        predictor = null
        latencies.clear()
    }

    private fun tell(state: Seen) {
        screen.post { show(state) }
    }

    override fun close() {
        handler.post(::unload)
        thread.quitSafely()
        screen.removeCallbacksAndMessages(null)
    }
}
