package org.edgebench.core.run

import java.io.File
import java.io.IOException

/** The peak of the process's resident memory, as Linux counts it. */
internal object Memory {
    private val STATUS = Regex("^VmHWM:\\s*([0-9]+) kB", RegexOption.MULTILINE)

    /** Count anew from here. Where that is not allowed the peak so far stands: a model can only look smaller. */
    fun restart() {
        try {
            File("/proc/self/clear_refs").writeText("5")
        } catch (_: IOException) {
        }
    }

    /** In bytes; null if the system does not report it. */
    fun peakBytes(): Long? = try {
        STATUS.find(File("/proc/self/status").readText())?.groupValues?.get(1)?.toLong()?.times(1024)
    } catch (_: IOException) {
        null
    }
}
