package org.edgebench.app.ui

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.RectF
import android.util.AttributeSet
import android.util.TypedValue
import android.view.View
import org.edgebench.app.R
import org.edgebench.core.task.Boxes
import org.edgebench.core.task.ClassMap

/** Boxes or a map of classes over a picture that fills this view. */
class Overlay(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private var seen: Seen.Predicted? = null
    private var map: Bitmap? = null
    private val line = Paint().apply {
        style = Paint.Style.STROKE
        strokeWidth = pixels(TypedValue.COMPLEX_UNIT_DIP, 2f)
    }
    private val words = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        color = Color.WHITE
        textSize = pixels(TypedValue.COMPLEX_UNIT_SP, 14f)
    }
    private val ground = Paint()

    fun show(state: Seen) {
        seen = state as? Seen.Predicted
        map = (seen?.prediction as? ClassMap)?.let(::coloured)
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val state = seen ?: return
        if (!state.model.trained) return
        val scale = (width.toDouble() / state.pictureWidth * state.crop.scale).toFloat()
        val left = (width.toDouble() / state.pictureWidth * state.crop.left).toFloat()
        val top = (width.toDouble() / state.pictureWidth * state.crop.top).toFloat()
        map?.let {
            val where = RectF(left, top, left + scale * state.crop.toWidth, top + scale * state.crop.toHeight)
            canvas.drawBitmap(it, null, where, null)
        }
        for (box in (state.prediction as? Boxes)?.found.orEmpty()) {
            if (box.score >= SHOWN) draw(canvas, state, box, left, top, scale)
        }
    }

    private fun draw(canvas: Canvas, state: Seen.Predicted, box: Boxes.Box, left: Float, top: Float, scale: Float) {
        line.color = colour(box.index, 255)
        ground.color = colour(box.index, 200)
        val x = left + scale * box.left.toFloat()
        val y = top + scale * box.top.toFloat()
        canvas.drawRect(x, y, left + scale * box.right.toFloat(), top + scale * box.bottom.toFloat(), line)
        val text = resources.getString(R.string.scored, state.model.label(box.index), 100 * box.score)
        canvas.drawRect(x, y, x + words.measureText(text), y + words.textSize * 1.2f, ground)
        canvas.drawText(text, x, y + words.textSize, words)
    }

    private fun coloured(map: ClassMap): Bitmap {
        // Class 0 is the background of every map that has one.
        val colours = IntArray(map.classes.size) { if (map.classes[it] == 0) Color.TRANSPARENT else colour(map.classes[it], 140) }
        return Bitmap.createBitmap(colours, map.width, map.height, Bitmap.Config.ARGB_8888)
    }

    /** A colour of its own for each class: the golden angle keeps neighbours apart. */
    private fun colour(index: Int, alpha: Int) = Color.HSVToColor(alpha, floatArrayOf(index * 137.508f % 360, 0.8f, 0.8f))

    private fun pixels(unit: Int, size: Float) = TypedValue.applyDimension(unit, size, resources.displayMetrics)

    companion object {
        /** Boxes that are less likely are not shown. */
        const val SHOWN = 0.3
    }
}
