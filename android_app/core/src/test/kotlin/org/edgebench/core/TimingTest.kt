package org.edgebench.core

import org.edgebench.core.document.WarmupRule
import org.edgebench.core.run.CpuClock
import org.edgebench.core.run.Samples
import org.edgebench.core.run.SystemReadings
import org.edgebench.core.run.takeTurn
import org.edgebench.core.run.warmUp
import org.edgebench.core.json.Fields
import org.edgebench.core.json.JsonNull
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import java.io.File

class TimingTest {
    @get:Rule
    val temporary = TemporaryFolder()

    /** A clock on which each inference takes the next of some milliseconds; the last stays. */
    private fun clock(vararg milliseconds: Long): () -> Long {
        var now = 0L
        var reads = 0
        return {
            // Each inference is between two reads.
            if (reads % 2 == 1) now += milliseconds[minOf(reads / 2, milliseconds.size - 1)] * 1_000_000
            reads++
            now
        }
    }

    private val engine = ToyEngine("plain", ArrayList())

    @Test
    fun aModelIsWarmWhenTwoWindowsTakeAsLong() {
        val found = warmUp(engine, WarmupRule(3, 0.05, 10.0), clock(30, 20, 20, 10, 12, 11, 11, 11, 11, 5))
        assertTrue(found.steady)
        assertArrayEquals(longArrayOf(30, 20, 20, 10, 12, 11, 11, 11, 11).map { it * 1_000_000 }.toLongArray(), found.timesNs)
    }

    @Test
    fun aModelThatDoesNotGetSteadyIsMeasuredAllTheSame() {
        val times = LongArray(2000) { if (it / 2 % 2 == 0) 10 else 20 }
        val found = warmUp(engine, WarmupRule(2, 0.05, 3.0), clock(*times))
        assertFalse(found.steady)
        assertEquals(200, found.timesNs.size)
    }

    @Test
    fun aSampleIsTheMeanOfItsBatch() {
        var used = 0L
        val samples = Samples(2)
        takeTurn(engine, samples, 4) { used.also { used += 10 } }
        assertArrayEquals(longArrayOf(3, 3), samples.cpu) // 2.5, and halves go up.
        assertTrue(samples.wall.all { it >= 0 })
    }

    @Test
    fun readingsHaveEveryFieldAndNullForWhatIsNotThere() {
        val root = temporary.newFolder("root")
        for ((name, text) in mapOf("scaling_cur_freq" to "1800000\n", "scaling_governor" to "sched_pixel\n", "stats/time_in_state" to "300000 250\n1800000 50\n")) {
            File(root, "sys/devices/system/cpu/cpu3/cpufreq/$name").apply { parentFile!!.mkdirs() }.writeText(text)
        }
        val found = Fields(SystemReadings(root).read(mapOf("core" to 6, "own_s" to 0.5)), "readings")
        assertEquals(mapOf("cpu3" to 1800000L), found["frequencies_khz"].map { long() })
        assertEquals(listOf("sched_pixel"), found["governors"].list { text() })
        assertEquals(mapOf("300000" to 2.5, "1800000" to 0.5), found["time_in_state_s"]["cpu3"].map { double() })
        assertEquals(6, found["core"].int())
        assertEquals(20, found["probe_ns"].list { long() }.size)
        val nothing = SystemReadings(temporary.newFolder("empty")).read(emptyMap())
        assertEquals(17, nothing.fields.size)
        assertEquals(15, nothing.fields.values.count { it == JsonNull })
    }
}
