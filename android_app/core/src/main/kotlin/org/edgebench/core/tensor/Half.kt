package org.edgebench.core.tensor

/** IEEE 754 binary16, which neither Java 17 nor Android 8 converts. */
internal fun floatOf(half: Short): Float {
    val bits = half.toInt() and 0xFFFF
    val sign = if (bits and 0x8000 != 0) -1f else 1f
    val exponent = bits shr 10 and 0x1F
    val fraction = bits and 0x3FF
    return sign * when (exponent) {
        0 -> Math.scalb(fraction.toFloat(), -24)
        0x1F -> if (fraction == 0) Float.POSITIVE_INFINITY else Float.NaN
        else -> Math.scalb((fraction or 0x400).toFloat(), exponent - 25)
    }
}

/** Rounded to the nearest, halves to even. */
internal fun halfOf(value: Float): Short {
    val sign = if (value.toRawBits() < 0) 0x8000 else 0
    val size = Math.abs(value)
    val bits = when {
        size.isNaN() -> 0x7E00
        size >= 65520f -> 0x7C00
        else -> {
            val exponent = maxOf(Math.getExponent(size), -14)
            val units = Math.rint(Math.scalb(size.toDouble(), 10 - exponent)).toInt()
            // A fraction that rounds up to the next power of two carries into the exponent by itself.
            if (units < 0x400) units else ((exponent + 14) shl 10) + units
        }
    }
    return (sign or bits).toShort()
}
