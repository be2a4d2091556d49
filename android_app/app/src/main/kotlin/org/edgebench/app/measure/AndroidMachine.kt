package org.edgebench.app.measure

import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.os.BatteryManager
import android.os.Build
import android.os.PowerManager
import android.os.Process
import org.edgebench.core.json.JsonObject
import org.edgebench.core.run.CpuClock
import org.edgebench.core.run.Machine
import org.edgebench.core.run.RunnerError
import org.edgebench.core.run.SystemReadings

/** This phone, as far as Android shows it to an app. */
class AndroidMachine(private val context: Context) : Machine {
    override val system = "Android"
    override val kernel: String = Build.VERSION.RELEASE
    override val architecture: String = Build.SUPPORTED_ABIS.first()
    override val processor: String =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) "${Build.SOC_MANUFACTURER} ${Build.SOC_MODEL}" else Build.HARDWARE

    private val power = context.getSystemService(PowerManager::class.java)
    private val files = SystemReadings()

    override val cpuClock: CpuClock? =
        if (Native.available && Native.cpuTimeResolution() in 1..COARSEST_NS) CpuClock(Native::cpuTime) else null

    override fun pin(cores: List<Int>) {
        if (!Native.available) throw RunnerError("this app was built without its part in C, so it cannot use the cores $cores; omit --cores")
        val error = Native.pin(cores.toIntArray())
        if (error != 0) {
            throw RunnerError("cannot run on cores $cores (error $error): allowed are ${allowedCores()}; choose others with --cores")
        }
    }

    override fun allowedCores(): List<Int>? = if (Native.available) Native.allowed()?.toList() else null

    override fun raisePriority() = Process.setThreadPriority(Process.THREAD_PRIORITY_URGENT_AUDIO)

    override fun readings(): JsonObject = files.read(
        mapOf(
            "thermal_status" to thermalStatus(),
            "thermal_headroom" to thermalHeadroom(),
            "own_s" to Process.getElapsedCpuTime() / 1e3,
            "core" to if (Native.available) Native.core().takeIf { it >= 0 } else null,
        ) + battery(),
    )

    private fun thermalStatus(): Int? =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) power.currentThermalStatus else null

    /** 1 where the phone gets too hot; NaN if it does not know, or was asked less than about ten seconds ago. */
    private fun thermalHeadroom(): Float? =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) power.getThermalHeadroom(0).takeUnless(Float::isNaN) else null

    /** The last that the system said of the battery; nothing is registered. */
    private fun battery(): Map<String, Any?> {
        val said = context.registerReceiver(null, IntentFilter(Intent.ACTION_BATTERY_CHANGED)) ?: return emptyMap()
        val level = said.getIntExtra(BatteryManager.EXTRA_LEVEL, -1)
        val scale = said.getIntExtra(BatteryManager.EXTRA_SCALE, -1)
        val tenths = said.getIntExtra(BatteryManager.EXTRA_TEMPERATURE, Int.MIN_VALUE)
        return mapOf(
            "temperatures_c" to if (tenths == Int.MIN_VALUE) null else mapOf("battery" to tenths / 10.0),
            "battery_percent" to if (level < 0 || scale <= 0) null else 100.0 * level / scale,
            // Plugged in, whatever the charger does: a battery that is full does not change the speed.
            "charging" to (said.getIntExtra(BatteryManager.EXTRA_PLUGGED, 0) != 0),
        )
    }

    private companion object {
        /** The shortest samples take some hundreds of microseconds. */
        const val COARSEST_NS = 1000L
    }
}
