package org.edgebench.core.task

import org.edgebench.core.json.Fields

/** How a detector's outputs are laid out; edgebench's tasks/detection_layout.py describes every field. */
internal class DetectionLayout(
    val format: String,
    val normalised: Boolean,
    val activation: String,
    val background: String,
    val columns: String?,
    private val transposed: Set<String>,
    val overlap: Double,
    val score: Double,
    val most: Int,
    val height: Int,
    val width: Int,
) {
    fun rowsLast(role: String) = role in transposed

    /** The first column of fused detections that is a score of a class. */
    val firstScore get() = if (columns == "box+objectness+scores") 5 else 4

    /** Left, top, right and bottom in pixels of the model's input, from four numbers in the layout's format. */
    fun corners(a: Double, b: Double, c: Double, d: Double): DoubleArray {
        val found = when (format) {
            "xyxy" -> doubleArrayOf(a, b, c, d)
            "yxyx" -> doubleArrayOf(b, a, d, c)
            "xywh" -> doubleArrayOf(a, b, a + c, b + d)
            else -> doubleArrayOf(a - c / 2, b - d / 2, a + c / 2, b + d / 2)
        }
        if (normalised) for (side in found.indices) found[side] *= (if (side % 2 == 0) width else height).toDouble()
        return found
    }

    companion object {
        fun of(layout: Fields): DetectionLayout {
            val format = layout["format"].orNull { text() } ?: "xyxy"
            if (format !in setOf("xyxy", "yxyx", "xywh", "cxcywh")) layout["format"].fail("a format of boxes that this app knows")
            return DetectionLayout(
                format = format,
                normalised = layout["scale"].orNull { text() } == "normalised",
                activation = layout["activation"].orNull { text() } ?: "none",
                background = layout["background"].orNull { text() } ?: "none",
                columns = layout["columns"].orNull { text() },
                transposed = (layout["transposed"].orNull { text() } ?: "").split('+').toSet(),
                overlap = layout["nms"].orNull { double() } ?: 1.0,
                score = layout["score"].orNull { double() } ?: 0.0,
                most = layout["most"].orNull { int() } ?: 300,
                height = layout["height"].orNull { int() } ?: 1,
                width = layout["width"].orNull { int() } ?: 1,
            )
        }
    }
}
