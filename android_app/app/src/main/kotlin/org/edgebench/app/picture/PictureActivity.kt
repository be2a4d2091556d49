package org.edgebench.app.picture

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.view.View
import android.widget.TextView
import org.edgebench.app.MainActivity
import org.edgebench.app.R
import org.edgebench.app.models.ModelStore
import org.edgebench.core.run.sentence
import java.io.IOException
import kotlin.concurrent.thread

/** A picture of the gallery, and what one model says of it, or two side by side. */
class PictureActivity : Activity() {
    private var panels = emptyList<Panel>()
    private var uri: Uri? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.activity_picture)
        val compared = intent.getBooleanExtra(COMPARE, false)
        val store = ModelStore(this)
        val second = findViewById<View>(R.id.second)
        second.visibility = if (compared) View.VISIBLE else View.GONE
        panels = listOfNotNull(findViewById(R.id.first), second.takeIf { compared }).map { Panel(it, store) }
        val chosen = intent.getIntExtra(MainActivity.MODEL, 0)
        if (state == null) panels.forEachIndexed { place, panel -> panel.select(chosen + place) }
        findViewById<View>(R.id.choose).setOnClickListener { choose() }
        @Suppress("DEPRECATION") // Its successor is of Android 13.
        (state?.getParcelable<Uri>(PICTURE))?.let(::show)
    }

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        state.putParcelable(PICTURE, uri)
    }

    override fun onDestroy() {
        super.onDestroy()
        panels.forEach(Panel::close)
    }

    /** The system's own picker, which needs no permission. */
    private fun choose() {
        val documents = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("image/*")
        val pictures = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) Intent(PICK_IMAGES) else documents
        try {
            startActivityForResult(pictures, 0)
        } catch (_: ActivityNotFoundException) {
            say(getString(R.string.no_picker))
        }
    }

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        super.onActivityResult(request, result, data)
        data?.data?.takeIf { result == RESULT_OK }?.let(::show)
    }

    /** Decoding takes some tenths of a second, so it is done beside the screen. */
    private fun show(chosen: Uri) {
        uri = chosen
        thread(name = "picture") {
            try {
                val picture = Pictures.read(contentResolver, chosen)
                shown("") { panels.forEach { it.show(picture) } }
            } catch (error: IOException) {
                shown(getString(R.string.no_picture, error.sentence()))
            } catch (error: SecurityException) {
                shown(getString(R.string.no_picture, error.sentence())) // Another picker's right to it has ended.
            }
        }
    }

    /** Back on the screen, if it is still there. */
    private fun shown(problem: String, then: () -> Unit = {}) = runOnUiThread {
        if (!isDestroyed) {
            say(problem)
            then()
        }
    }

    private fun say(text: String) {
        findViewById<TextView>(R.id.problem).text = text
    }

    companion object {
        const val COMPARE = "compare"
        private const val PICTURE = "picture"

        /** MediaStore.ACTION_PICK_IMAGES, of Android 13. */
        private const val PICK_IMAGES = "android.provider.action.PICK_IMAGES"
    }
}
