package org.edgebench.app.ui

import android.content.Context
import android.util.AttributeSet
import android.widget.FrameLayout

/** Takes the largest place that has the shape of a picture. */
class AspectFrame(context: Context, attributes: AttributeSet?) : FrameLayout(context, attributes) {
    /** Width by height; 0 takes all there is. */
    var aspect = 0f
        set(value) {
            field = value
            requestLayout()
        }

    override fun onMeasure(widthSpec: Int, heightSpec: Int) {
        val width = MeasureSpec.getSize(widthSpec)
        val height = MeasureSpec.getSize(heightSpec)
        if (aspect <= 0f || width == 0) return super.onMeasure(widthSpec, heightSpec)
        val bounded = MeasureSpec.getMode(heightSpec) != MeasureSpec.UNSPECIFIED
        val wide = !bounded || width < height * aspect
        val (w, h) = if (wide) width to (width / aspect).toInt() else (height * aspect).toInt() to height
        super.onMeasure(MeasureSpec.makeMeasureSpec(w, MeasureSpec.EXACTLY), MeasureSpec.makeMeasureSpec(h, MeasureSpec.EXACTLY))
    }
}
