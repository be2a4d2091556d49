package org.edgebench.app.camera

import android.annotation.SuppressLint
import android.content.Context
import android.graphics.ImageFormat
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CaptureRequest
import android.media.Image
import android.media.ImageReader
import android.os.Handler
import android.util.Size
import android.view.Surface
import kotlin.math.abs

/** The camera at the back: a preview, and frames for a model. All calls come from the main thread. */
class CameraSource(
    context: Context,
    private val frames: Handler,
    private val take: (Image) -> Unit,
    private val failed: (String) -> Unit,
) : AutoCloseable {
    private val manager = context.getSystemService(CameraManager::class.java)
    private val id = manager.cameraIdList.firstOrNull { facing(it) == CameraCharacteristics.LENS_FACING_BACK }
        ?: manager.cameraIdList.firstOrNull()
    private val about = id?.let(manager::getCameraCharacteristics)
    private var device: CameraDevice? = null
    private var reader: ImageReader? = null
    private var closed = false

    /** The size of frames and preview, as the sensor lies. */
    val size: Size = about?.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP)
        ?.getOutputSizes(ImageFormat.YUV_420_888)
        ?.minByOrNull { abs(it.width - WIDTH) + abs(it.height - HEIGHT) } ?: Size(WIDTH, HEIGHT)

    /** How far a frame has to be turned clockwise to stand upright, for a display turned by `displayDegrees`. */
    fun turn(displayDegrees: Int): Int {
        val sensor = about?.get(CameraCharacteristics.SENSOR_ORIENTATION) ?: 0
        return (sensor - displayDegrees + 360) % 360
    }

    /** Open the camera. The permission has been given. */
    @SuppressLint("MissingPermission")
    fun open(preview: SurfaceTexture, context: Context) {
        val camera = id ?: return failed(context.getString(org.edgebench.app.R.string.no_camera))
        preview.setDefaultBufferSize(size.width, size.height)
        val made = ImageReader.newInstance(size.width, size.height, ImageFormat.YUV_420_888, 2)
        made.setOnImageAvailableListener({ one -> one.acquireLatestImage()?.use(take) }, frames)
        reader = made
        try {
            manager.openCamera(camera, Opened(listOf(Surface(preview), made.surface)), null)
        } catch (error: Exception) {
            failed(error.message ?: error.javaClass.simpleName)
        }
    }

    private fun facing(camera: String) = manager.getCameraCharacteristics(camera).get(CameraCharacteristics.LENS_FACING)

    override fun close() {
        closed = true
        device?.close()
        reader?.close()
    }

    private inner class Opened(private val surfaces: List<Surface>) : CameraDevice.StateCallback() {
        override fun onOpened(camera: CameraDevice) {
            if (closed) return camera.close()
            device = camera
            @Suppress("DEPRECATION") // Its successor is of Android 9.
            camera.createCaptureSession(surfaces, Running(camera, surfaces), null)
        }

        override fun onDisconnected(camera: CameraDevice) = camera.close()

        override fun onError(camera: CameraDevice, error: Int) {
            camera.close()
            failed("CameraDevice $error")
        }
    }

    private inner class Running(private val camera: CameraDevice, private val surfaces: List<Surface>) : CameraCaptureSession.StateCallback() {
        override fun onConfigured(session: CameraCaptureSession) {
            if (closed) return
            val request = camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
            surfaces.forEach(request::addTarget)
            request.set(CaptureRequest.CONTROL_AF_MODE, CaptureRequest.CONTROL_AF_MODE_CONTINUOUS_PICTURE)
            session.setRepeatingRequest(request.build(), null, null)
        }

        override fun onConfigureFailed(session: CameraCaptureSession) = failed("CameraCaptureSession")
    }

    private companion object {
        /** Enough for every model of the zoo, and what all cameras have. */
        const val WIDTH = 640
        const val HEIGHT = 480
    }
}
