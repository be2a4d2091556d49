package org.edgebench.core.tensor

import kotlin.math.min

/**
 * The largest part of a picture with the shape of a model's input, in its middle, turned upright.
 *
 * A pixel of the input is the nearest of the picture. `turn` is how far the picture has to be turned clockwise, in
 * degrees, a multiple of 90.
 */
class Crop(private val width: Int, private val height: Int, private val turn: Int, val toWidth: Int, val toHeight: Int) {
    private val lying = turn % 180 != 0
    private val uprightWidth = if (lying) height else width
    private val uprightHeight = if (lying) width else height

    /** The side of an input's pixel, in pixels of the picture. */
    val scale = min(uprightWidth.toDouble() / toWidth, uprightHeight.toDouble() / toHeight)

    /** Where the part begins in the upright picture. */
    val left = (uprightWidth - scale * toWidth) / 2
    val top = (uprightHeight - scale * toHeight) / 2

    /** The place of an input's pixel among the picture's, row by row. */
    fun source(x: Int, y: Int): Int {
        val upX = min((left + (x + 0.5) * scale).toInt(), uprightWidth - 1)
        val upY = min((top + (y + 0.5) * scale).toInt(), uprightHeight - 1)
        return when (turn) {
            0 -> upY * width + upX
            90 -> (height - 1 - upX) * width + upY
            180 -> (height - 1 - upY) * width + (width - 1 - upX)
            270 -> upX * width + (width - 1 - upY)
            else -> throw IllegalArgumentException("$turn degrees")
        }
    }
}
