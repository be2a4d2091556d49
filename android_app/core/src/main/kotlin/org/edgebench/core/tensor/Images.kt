package org.edgebench.core.tensor

import org.edgebench.core.document.Preprocessing

/** From the bytes of an image to the real values of a model's input. */
object Images {
    /** How red, green and blue make a grey value (ITU-R BT.601). */
    private val GREY = floatArrayOf(0.299f, 0.587f, 0.114f)

    /**
     * Values in the model's order of axes, with the batch axis.
     *
     * @param rgb (height, width, 3), row by row.
     */
    fun prepare(rgb: ByteArray, height: Int, width: Int, how: Preprocessing): Values {
        val channels = how.mean.size
        val nhwc = FloatArray(height * width * channels)
        for (pixel in 0 until height * width) {
            for (channel in 0 until channels) {
                val value = if (channels == 1) grey(rgb, 3 * pixel) else level(rgb, 3 * pixel + channel)
                nhwc[channels * pixel + channel] = (value / 255 - how.mean[channel]) / how.std[channel]
            }
        }
        val nchw = Values.Floats(intArrayOf(1, height, width, channels), nhwc).transposed(intArrayOf(0, 3, 1, 2))
        return nchw.transposed(how.axes)
    }

    private fun level(rgb: ByteArray, place: Int) = (rgb[place].toInt() and 0xFF).toFloat()

    private fun grey(rgb: ByteArray, place: Int) =
        GREY[0] * level(rgb, place) + GREY[1] * level(rgb, place + 1) + GREY[2] * level(rgb, place + 2)
}
