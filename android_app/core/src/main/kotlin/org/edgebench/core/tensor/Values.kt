package org.edgebench.core.tensor

/** Numbers in the order of C: whole ones, or floats of one precision. */
sealed class Values(val shape: IntArray) {
    abstract val size: Int

    /** The value at a place as a double, which holds each of them but very large whole numbers. */
    abstract fun double(place: Int): Double

    /** The same numbers in another shape. */
    abstract fun reshaped(shape: IntArray): Values

    /** The numbers at those places, in that order. */
    abstract fun at(shape: IntArray, places: IntArray): Values

    /** With the axes in another order: axis i of the result is axis `axes[i]` of this. */
    fun transposed(axes: IntArray): Values {
        if (axes.sorted() != shape.indices.toList()) throw ShapeMismatch("${shape.text()} has no axes ${axes.text()}")
        if (axes.contentEquals(shape.indices.toList().toIntArray())) return this
        val turned = IntArray(axes.size) { shape[axes[it]] }
        val steps = strides(shape).let { own -> IntArray(axes.size) { own[axes[it]] } }
        return at(turned, placesOf(turned, steps))
    }

    class Floats(shape: IntArray, val data: FloatArray) : Values(shape) {
        override val size get() = data.size
        override fun double(place: Int) = data[place].toDouble()
        override fun reshaped(shape: IntArray) = Floats(fitting(shape, size), data)
        override fun at(shape: IntArray, places: IntArray) = Floats(shape, FloatArray(places.size) { data[places[it]] })
    }

    class Doubles(shape: IntArray, val data: DoubleArray) : Values(shape) {
        override val size get() = data.size
        override fun double(place: Int) = data[place]
        override fun reshaped(shape: IntArray) = Doubles(fitting(shape, size), data)
        override fun at(shape: IntArray, places: IntArray) = Doubles(shape, DoubleArray(places.size) { data[places[it]] })
    }

    class Longs(shape: IntArray, val data: LongArray) : Values(shape) {
        override val size get() = data.size
        override fun double(place: Int) = data[place].toDouble()
        override fun reshaped(shape: IntArray) = Longs(fitting(shape, size), data)
        override fun at(shape: IntArray, places: IntArray) = Longs(shape, LongArray(places.size) { data[places[it]] })
    }
}

/** Values are not of the shape that was expected. */
class ShapeMismatch(message: String) : Exception(message)

fun IntArray.product() = fold(1) { all, side -> Math.multiplyExact(all, side) }

fun IntArray.text() = joinToString(", ", "[", "]")

/** How many values lie between neighbours along each axis. */
internal fun strides(shape: IntArray): IntArray {
    val steps = IntArray(shape.size)
    var step = 1
    for (axis in shape.indices.reversed()) {
        steps[axis] = step
        step *= shape[axis]
    }
    return steps
}

/** The place of each value of `shape` where `steps` lie between neighbours. */
private fun placesOf(shape: IntArray, steps: IntArray): IntArray {
    val places = IntArray(shape.product())
    val index = IntArray(shape.size)
    var place = 0
    for (number in places.indices) {
        places[number] = place
        for (axis in shape.indices.reversed()) {
            place += steps[axis]
            if (++index[axis] < shape[axis]) break
            place -= steps[axis] * shape[axis]
            index[axis] = 0
        }
    }
    return places
}

private fun fitting(shape: IntArray, size: Int): IntArray {
    if (shape.product() != size) throw ShapeMismatch("cannot bring $size values into the shape ${shape.text()}")
    return shape
}
