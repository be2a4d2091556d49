package org.edgebench.core.task

import kotlin.math.abs

/** The times of the last inferences, of which the median and the spread are shown. */
class Latencies(size: Int = 60) {
    private val times = LongArray(size)
    private var count = 0

    fun add(nanoseconds: Long) {
        times[count++ % times.size] = nanoseconds
    }

    fun clear() {
        count = 0
    }

    /** Median and median absolute deviation in milliseconds; null before the first. */
    fun summary(): Summary? {
        val known = times.copyOf(minOf(count, times.size))
        if (known.isEmpty()) return null
        val middle = median(known.map { it.toDouble() })
        return Summary(middle / 1e6, median(known.map { abs(it - middle) }) / 1e6)
    }

    class Summary(val medianMs: Double, val spreadMs: Double)

    private fun median(values: List<Double>): Double {
        val sorted = values.sorted()
        val middle = sorted.size / 2
        return if (sorted.size % 2 == 1) sorted[middle] else (sorted[middle - 1] + sorted[middle]) / 2
    }
}
