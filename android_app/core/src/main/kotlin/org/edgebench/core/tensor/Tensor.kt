package org.edgebench.core.tensor

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The types of a tensor's elements, by NumPy's names. */
enum class ElementType(val bytes: Int) {
    FLOAT32(4), FLOAT16(2), FLOAT64(8), INT8(1), UINT8(1), INT16(2), UINT16(2), INT32(4), UINT32(4), INT64(8), BOOL(1);

    val limits: LongRange? get() = when (this) {
        INT8 -> Byte.MIN_VALUE.toLong()..Byte.MAX_VALUE
        UINT8 -> 0L..255
        INT16 -> Short.MIN_VALUE.toLong()..Short.MAX_VALUE
        UINT16 -> 0L..65535
        INT32 -> Int.MIN_VALUE.toLong()..Int.MAX_VALUE
        UINT32 -> 0L..4294967295
        INT64 -> Long.MIN_VALUE..Long.MAX_VALUE
        else -> null
    }
}

/** An input or output of a model. Quantised values mean scale * (stored - zeroPoint); a scale of 0 is none. */
class Tensor(
    val name: String,
    val shape: IntArray,
    val type: ElementType,
    val scale: Float = 0f,
    val zeroPoint: Int = 0,
) {
    val quantised get() = scale != 0f && type.limits != null
    val byteSize get() = shape.product() * type.bytes

    fun buffer(): ByteBuffer = ByteBuffer.allocateDirect(byteSize).order(ByteOrder.nativeOrder())

    /** Write real values, as the model stores them. Whole numbers are scaled in double precision, as NumPy does. */
    fun encode(values: Values, into: ByteBuffer) {
        if (!values.shape.contentEquals(shape)) throw ShapeMismatch("the input $name takes ${shape.text()}, not ${values.shape.text()}")
        into.clear()
        for (place in 0 until values.size) put(into, place, if (quantised) stored(values, place) else null, values)
    }

    private fun stored(values: Values, place: Int): Long {
        val scaled = when (values) {
            is Values.Floats -> Math.rint((values.data[place] / scale + zeroPoint.toFloat()).toDouble())
            else -> Math.rint(values.double(place) / scale + zeroPoint)
        }
        val limits = type.limits!!
        return scaled.coerceIn(limits.first.toDouble(), limits.last.toDouble()).toLong()
    }

    private fun put(into: ByteBuffer, place: Int, stored: Long?, values: Values) {
        val whole = stored ?: (values as? Values.Longs)?.data?.get(place) ?: values.double(place).toLong()
        when (type) {
            ElementType.FLOAT32 -> into.putFloat(if (values is Values.Floats) values.data[place] else values.double(place).toFloat())
            ElementType.FLOAT64 -> into.putDouble(values.double(place))
            ElementType.FLOAT16 -> into.putShort(halfOf(values.double(place).toFloat()))
            ElementType.INT8, ElementType.UINT8 -> into.put(whole.toByte())
            ElementType.INT16, ElementType.UINT16 -> into.putShort(whole.toShort())
            ElementType.INT32, ElementType.UINT32 -> into.putInt(whole.toInt())
            ElementType.INT64 -> into.putLong(whole)
            ElementType.BOOL -> into.put(if (values.double(place) != 0.0) 1 else 0)
        }
    }

    /** Read real values: floats in single precision, whole numbers as they are. */
    fun decode(from: ByteBuffer): Values {
        val raw = readElements(from.duplicate().order(from.order()).apply { clear() }, type, shape)
        if (!quantised || raw !is Values.Longs) return raw.single()
        // In double precision and then rounded, as the Python runner does it.
        val step = scale.toDouble()
        return Values.Floats(shape, FloatArray(raw.size) { ((raw.data[it] - zeroPoint) * step).toFloat() })
    }

    private fun Values.single(): Values =
        if (this is Values.Doubles) Values.Floats(shape, FloatArray(size) { data[it].toFloat() }) else this
}

/** Elements of a type, as values of that shape. */
internal fun readElements(from: ByteBuffer, type: ElementType, shape: IntArray): Values {
    val size = shape.product()
    return when (type) {
        ElementType.FLOAT32 -> Values.Floats(shape, FloatArray(size) { from.getFloat() })
        ElementType.FLOAT16 -> Values.Floats(shape, FloatArray(size) { floatOf(from.getShort()) })
        ElementType.FLOAT64 -> Values.Doubles(shape, DoubleArray(size) { from.getDouble() })
        ElementType.INT8 -> Values.Longs(shape, LongArray(size) { from.get().toLong() })
        ElementType.UINT8, ElementType.BOOL -> Values.Longs(shape, LongArray(size) { from.get().toLong() and 0xFF })
        ElementType.INT16 -> Values.Longs(shape, LongArray(size) { from.getShort().toLong() })
        ElementType.UINT16 -> Values.Longs(shape, LongArray(size) { from.getShort().toLong() and 0xFFFF })
        ElementType.INT32 -> Values.Longs(shape, LongArray(size) { from.getInt().toLong() })
        ElementType.UINT32 -> Values.Longs(shape, LongArray(size) { from.getInt().toLong() and 0xFFFFFFFF })
        ElementType.INT64 -> Values.Longs(shape, LongArray(size) { from.getLong() })
    }
}
