package org.edgebench.jvm

import com.sun.jna.Memory
import com.sun.jna.NativeLibrary
import org.edgebench.core.run.CpuClock
import org.edgebench.core.run.Machine
import org.edgebench.core.run.RunnerError
import org.edgebench.core.run.SystemReadings

/** This machine, by the C library. */
class JvmMachine : Machine {
    override val system: String = System.getProperty("os.name")
    override val kernel: String = System.getProperty("os.version")
    override val architecture: String = System.getProperty("os.arch")
    override val processor: String? = null

    private val library = NativeLibrary.getInstance("c")
    private val time = Memory(16)
    private val clockOf = library.getFunction("clock_gettime")
    private val question = arrayOf<Any?>(CPU_TIME_OF_PROCESS, time)
    private val files = SystemReadings()

    override val cpuClock = CpuClock {
        clockOf.invokeInt(question)
        time.getLong(0) * 1_000_000_000 + time.getLong(8)
    }

    override fun pin(cores: List<Int>) {
        val mask = Memory(MASK_BYTES).apply { clear() }
        for (core in cores) {
            if (core !in 0 until MASK_BYTES.toInt() * 8) throw RunnerError("cannot run on core $core")
            mask.setByte(core / 8L, (mask.getByte(core / 8L).toInt() or (1 shl core % 8)).toByte())
        }
        // Every thread has a mask of its own, and LiteRT's inherit that of the one that makes them.
        if (library.getFunction("sched_setaffinity").invokeInt(arrayOf<Any?>(0, MASK_BYTES, mask)) != 0) {
            throw RunnerError("cannot run on cores $cores: allowed are ${allowedCores()}; choose others with --cores")
        }
    }

    override fun allowedCores(): List<Int>? {
        val mask = Memory(MASK_BYTES).apply { clear() }
        if (library.getFunction("sched_getaffinity").invokeInt(arrayOf<Any?>(0, MASK_BYTES, mask)) < 0) return null
        return (0 until MASK_BYTES.toInt() * 8).filter { mask.getByte(it / 8L).toInt() and (1 shl it % 8) != 0 }
    }

    override fun raisePriority() = Unit

    override fun readings() = files.read(
        mapOf(
            "own_s" to cpuClock.nanoseconds() / 1e9,
            "core" to library.getFunction("sched_getcpu").invokeInt(arrayOf<Any?>()).takeIf { it >= 0 },
        ),
    )

    private companion object {
        const val CPU_TIME_OF_PROCESS = 2
        const val MASK_BYTES = 128L
    }
}
