package org.edgebench.core.run

import org.edgebench.core.json.JsonObject

/** The machine that measures, as far as a program can see it. What it does not tell is null. */
interface Machine {
    val system: String
    val kernel: String
    val architecture: String
    val processor: String?

    /** The CPU time of the whole process, or null where no clock is finer than a microsecond. */
    val cpuClock: CpuClock?

    /** Run on these cores alone. Throws [RunnerError] if that cannot be done. */
    fun pin(cores: List<Int>)

    /** The cores on which the process may run, if that is known. */
    fun allowedCores(): List<Int>?

    /** Make this thread the one that goes first. */
    fun raisePriority()

    /** The state of the machine, in the fields of `Readings` in the result's schema. */
    fun readings(): JsonObject
}

/** Nanoseconds of CPU time that the process has used, over all its threads. */
fun interface CpuClock {
    fun nanoseconds(): Long
}
