package org.edgebench.core.tensor

import java.nio.ByteBuffer

/** One plane of a camera's image: its bytes, and how many lie between rows and between pixels. */
class Plane(private val bytes: ByteBuffer, private val rowStride: Int, private val pixelStride: Int) {
    fun at(x: Int, y: Int): Int = bytes.get(y * rowStride + x * pixelStride).toInt() and 0xFF
}

/** A camera's image of brightness and, for every second pixel, colour (YUV 4:2:0, BT.601 in full range, as JFIF). */
class Yuv(private val width: Int, private val y: Plane, private val u: Plane, private val v: Plane) {
    /** A part of the image as pixels (crop.toHeight, crop.toWidth, 3), row by row. */
    fun toRgb(crop: Crop, into: ByteArray) {
        var at = 0
        for (row in 0 until crop.toHeight) {
            for (column in 0 until crop.toWidth) {
                val source = crop.source(column, row)
                val (px, py) = source % width to source / width
                val bright = y.at(px, py).toFloat()
                val blue = u.at(px / 2, py / 2) - 128f
                val red = v.at(px / 2, py / 2) - 128f
                into[at++] = level(bright + 1.402f * red)
                into[at++] = level(bright - 0.344136f * blue - 0.714136f * red)
                into[at++] = level(bright + 1.772f * blue)
            }
        }
    }

    private fun level(value: Float): Byte = Math.round(value).coerceIn(0, 255).toByte()
}
