package org.edgebench.core.run

import org.edgebench.core.document.WarmupRule
import kotlin.math.abs
import kotlin.math.roundToLong

/** The wall and the CPU time of the samples of one turn, in nanoseconds an inference. */
class Samples(count: Int) {
    val wall = LongArray(count)
    val cpu = LongArray(count)
}

/** What a warm-up took: the time of each inference, and whether the last two windows were alike. */
class WarmedUp(val timesNs: LongArray, val steady: Boolean)

/** Fill `into`: a sample is `batch` inferences. Nothing is allocated. */
fun takeTurn(engine: Engine, into: Samples, batch: Int, cpuClock: CpuClock) {
    for (sample in into.wall.indices) {
        val used = cpuClock.nanoseconds()
        val start = System.nanoTime()
        for (inference in 0 until batch) engine.run()
        val stop = System.nanoTime()
        into.cpu[sample] = divided(cpuClock.nanoseconds() - used, batch)
        into.wall[sample] = divided(stop - start, batch)
    }
}

private fun divided(total: Long, batch: Int) = if (batch == 1) total else (total.toDouble() / batch).roundToLong()

/** Run windows of inferences until the medians of two in a row are nearly the same. */
fun warmUp(engine: Engine, rule: WarmupRule, clock: () -> Long = System::nanoTime): WarmedUp {
    var times = LongArray(maxOf(4 * rule.window, 1024))
    var count = 0
    val sorted = LongArray(rule.window)

    fun window(): Long {
        if (count + rule.window > times.size) times = times.copyOf(2 * times.size)
        var sum = 0L
        for (inference in 0 until rule.window) {
            val start = clock()
            engine.run()
            times[count] = clock() - start
            sum += times[count++]
        }
        return sum
    }

    var sum = window()
    while (sum < rule.maxSeconds * 1e9) {
        sum += window()
        val before = median(times, count - 2 * rule.window, sorted)
        val last = median(times, count - rule.window, sorted)
        if (abs(last / before - 1) <= rule.tolerance) return WarmedUp(times.copyOf(count), true)
    }
    return WarmedUp(times.copyOf(count), false)
}

/** The median of as many times as `scratch` holds, which it is sorted in. */
private fun median(times: LongArray, from: Int, scratch: LongArray): Double {
    times.copyInto(scratch, 0, from, from + scratch.size)
    scratch.sort()
    val middle = scratch.size / 2
    return if (scratch.size % 2 == 1) scratch[middle].toDouble() else (scratch[middle - 1] + scratch[middle]) / 2.0
}
