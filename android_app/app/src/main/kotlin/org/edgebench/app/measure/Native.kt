package org.edgebench.app.measure

/** The part in C (src/main/cpp/measure.c), where it was built. */
internal object Native {
    /** Whether the library is part of this app. */
    val available = try {
        System.loadLibrary("edgebench_measure")
        true
    } catch (_: UnsatisfiedLinkError) {
        false
    }

    /** Run the calling thread, and those that it makes from now on, on these cores. 0, or the system's error. */
    @JvmStatic
    external fun pin(cores: IntArray): Int

    /** The cores on which the calling thread may run. */
    @JvmStatic
    external fun allowed(): IntArray?

    /** The core of the calling thread; -1 if it is not known. */
    @JvmStatic
    external fun core(): Int

    /** The CPU time of all threads of the process, in nanoseconds. */
    @JvmStatic
    external fun cpuTime(): Long

    /** The resolution of that clock in nanoseconds; -1 without it. */
    @JvmStatic
    external fun cpuTimeResolution(): Long
}
