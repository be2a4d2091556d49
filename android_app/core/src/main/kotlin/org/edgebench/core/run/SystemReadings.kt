package org.edgebench.core.run

import org.edgebench.core.json.JsonObject
import org.edgebench.core.json.jsonOf
import java.io.File
import java.io.IOException
import java.security.MessageDigest

/** The readings that any Linux gives, or withholds, in files. `root` is another system's in tests. */
class SystemReadings(private val root: File = File("/")) {
    private val digest = MessageDigest.getInstance("SHA-256")
    private val bytes = ByteArray(65536) { "edgebench"[it % 9].code.toByte() }

    /** All fields of the readings; those that [known] has replace what is found in files, or is null. */
    fun read(known: Map<String, Any?>): JsonObject = jsonOf(
        "unix_s" to System.currentTimeMillis() / 1e3,
        "frequencies_khz" to byCore("cpufreq/scaling_cur_freq") { it.toLongOrNull() },
        "governors" to byCore("cpufreq/scaling_governor") { it }?.values?.distinct()?.sorted(),
        "temperatures_c" to null,
        "thermal_status" to null,
        "thermal_headroom" to null,
        "throttled" to null,
        "battery_percent" to null,
        "charging" to null,
        "load_1min" to null,
        "running" to null,
        "busy_s" to null,
        "steal_s" to null,
        "own_s" to null,
        "core" to null,
        "time_in_state_s" to byCore("cpufreq/stats/time_in_state", ::secondsByFrequency),
        "probe_ns" to null,
    ).let { found -> JsonObject(found.fields + jsonOf(*known.toList().toTypedArray()).fields + jsonOf("probe_ns" to probe()).fields) }

    /** The times of a fixed computation: 20 rounds of SHA-256 over the same 64 KiB. */
    fun probe(): LongArray {
        val times = LongArray(20)
        for (round in times.indices) {
            val start = System.nanoTime()
            digest.digest(bytes)
            times[round] = System.nanoTime() - start
        }
        return times
    }

    private fun <T : Any> byCore(name: String, read: (String) -> T?): Map<String, T>? {
        val cores = File(root, "sys/devices/system/cpu").listFiles { one -> CORE.matches(one.name) }?.sortedBy { it.name }
        val found = cores.orEmpty().mapNotNull { core ->
            text(File(core, name))?.let(read)?.let { core.name to it }
        }
        return found.toMap().ifEmpty { null }
    }

    /** The kernel's table of frequencies in kHz and time in units of 10 ms (cpufreq-stats). */
    private fun secondsByFrequency(table: String): Map<String, Double>? = try {
        table.lines().associate { line -> line.trim().split(' ').let { (khz, units) -> khz to units.toLong() / 100.0 } }
    } catch (_: RuntimeException) {
        null
    }

    private fun text(file: File): String? = try {
        file.readText().trim().ifEmpty { null }
    } catch (_: IOException) {
        null
    }

    private companion object {
        val CORE = Regex("cpu[0-9]+")
    }
}
