package org.edgebench.app.camera

import android.Manifest
import android.app.Activity
import android.content.pm.PackageManager
import android.graphics.Matrix
import android.graphics.RectF
import android.graphics.SurfaceTexture
import android.media.Image
import android.os.Bundle
import android.view.Surface
import android.view.TextureView
import android.view.WindowManager
import android.widget.TextView
import org.edgebench.app.MainActivity
import org.edgebench.app.R
import org.edgebench.app.models.ModelStore
import org.edgebench.app.models.Worker
import org.edgebench.app.ui.AspectFrame
import org.edgebench.app.ui.Choices
import org.edgebench.app.ui.Overlay
import org.edgebench.app.ui.Seen
import org.edgebench.app.ui.text
import org.edgebench.core.tensor.Crop
import org.edgebench.core.tensor.Plane
import org.edgebench.core.tensor.Yuv
import kotlin.math.max

/** The camera, and what a model says of it. */
class CameraActivity : Activity(), TextureView.SurfaceTextureListener {
    private lateinit var worker: Worker
    private lateinit var preview: TextureView
    private var source: CameraSource? = null

    /** How far frames are turned; written by the main thread, read by the model's. */
    @Volatile
    private var turn = 0

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.activity_camera)
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        val store = ModelStore(this)
        worker = Worker(store, ::show)
        preview = findViewById(R.id.preview)
        preview.surfaceTextureListener = this
        val choices = Choices(store.models, findViewById(R.id.model), findViewById(R.id.accelerator)) { worker.choose(it) }
        if (state == null) choices.select(intent.getIntExtra(MainActivity.MODEL, 0))
    }

    override fun onResume() {
        super.onResume()
        if (checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) {
            if (preview.isAvailable) open()
        } else if (!asked) {
            asked = true
            requestPermissions(arrayOf(Manifest.permission.CAMERA), 0)
        } else {
            show(Seen.Failed(getString(R.string.camera_refused)))
        }
    }

    override fun onPause() {
        super.onPause()
        source?.close()
        source = null
    }

    override fun onDestroy() {
        super.onDestroy()
        worker.close()
    }

    private var asked = false

    private fun open() {
        if (source != null) return
        val opened = CameraSource(this, worker.handler, ::take) { show(Seen.Failed(it)) }
        source = opened
        turn = opened.turn(displayDegrees())
        val lying = turn % 180 != 0
        val (width, height) = opened.size.run { if (lying) height to width else width to height }
        findViewById<AspectFrame>(R.id.frame).aspect = width.toFloat() / height
        opened.open(preview.surfaceTexture ?: return, this)
        transform()
    }

    /** Runs on the model's thread. */
    private fun take(image: Image) {
        val turned = turn
        val planes = image.planes.map { Plane(it.buffer, it.rowStride, it.pixelStride) }
        val yuv = Yuv(image.width, planes[0], planes[1], planes[2])
        val uprightWidth = if (turned % 180 == 0) image.width else image.height
        worker.predict(uprightWidth, { Crop(image.width, image.height, turned, it.width, it.height) }, yuv::toRgb)
    }

    private fun show(state: Seen) {
        findViewById<TextView>(R.id.said).text = state.text(resources)
        findViewById<Overlay>(R.id.overlay).show(state)
    }

    private fun displayDegrees(): Int {
        @Suppress("DEPRECATION") // Its successor is of Android 11.
        return when (windowManager.defaultDisplay.rotation) {
            Surface.ROTATION_90 -> 90
            Surface.ROTATION_180 -> 180
            Surface.ROTATION_270 -> 270
            else -> 0
        }
    }

    /** Turn the preview with the display; upright, the system does it itself. */
    private fun transform() {
        val size = source?.size ?: return
        val degrees = displayDegrees()
        val matrix = Matrix()
        val view = RectF(0f, 0f, preview.width.toFloat(), preview.height.toFloat())
        if (degrees % 180 != 0) {
            val buffer = RectF(0f, 0f, size.height.toFloat(), size.width.toFloat())
            buffer.offset(view.centerX() - buffer.centerX(), view.centerY() - buffer.centerY())
            matrix.setRectToRect(view, buffer, Matrix.ScaleToFit.FILL)
            val scale = max(view.height() / size.height, view.width() / size.width)
            matrix.postScale(scale, scale, view.centerX(), view.centerY())
        }
        matrix.postRotate(-degrees.toFloat(), view.centerX(), view.centerY())
        preview.setTransform(matrix)
    }

    override fun onSurfaceTextureAvailable(surface: SurfaceTexture, width: Int, height: Int) {
        if (checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) open()
    }

    override fun onSurfaceTextureSizeChanged(surface: SurfaceTexture, width: Int, height: Int) = transform()

    override fun onSurfaceTextureDestroyed(surface: SurfaceTexture) = true

    override fun onSurfaceTextureUpdated(surface: SurfaceTexture) = Unit
}
