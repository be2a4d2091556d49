package org.edgebench.core

import org.edgebench.core.task.Latencies
import org.edgebench.core.tensor.Crop
import org.edgebench.core.tensor.Plane
import org.edgebench.core.tensor.Yuv
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test
import java.nio.ByteBuffer

class ScreenTest {
    private fun cropped(width: Int, height: Int, turn: Int, toWidth: Int, toHeight: Int): List<List<Int>> {
        val crop = Crop(width, height, turn, toWidth, toHeight)
        return (0 until toHeight).map { y -> (0 until toWidth).map { x -> crop.source(x, y) } }
    }

    @Test
    fun aPictureIsTurnedUpright() {
        // 0 1 2
        // 3 4 5
        assertEquals(listOf(listOf(0, 1, 2), listOf(3, 4, 5)), cropped(3, 2, 0, 3, 2))
        assertEquals(listOf(listOf(3, 0), listOf(4, 1), listOf(5, 2)), cropped(3, 2, 90, 2, 3))
        assertEquals(listOf(listOf(5, 4, 3), listOf(2, 1, 0)), cropped(3, 2, 180, 3, 2))
        assertEquals(listOf(listOf(2, 5), listOf(1, 4), listOf(0, 3)), cropped(3, 2, 270, 2, 3))
    }

    @Test
    fun itsMiddleIsTakenAndEnlarged() {
        assertEquals(listOf(listOf(1, 2), listOf(5, 6)), cropped(4, 2, 0, 2, 2))
        assertEquals(listOf(listOf(1, 1), listOf(1, 1)), cropped(3, 1, 0, 2, 2))
        val crop = Crop(640, 480, 90, 48, 48)
        assertEquals(10.0, crop.scale, 0.0)
        assertEquals(0.0 to 80.0, crop.left to crop.top)
    }

    @Test
    fun coloursAreThoseOfJfif() {
        // Two columns of two rows: red, whose colour both rows share, and a pixel of padding in each row.
        val y = Plane(ByteBuffer.wrap(byteArrayOf(76, 76, 9, 76, 255.toByte(), 9)), 3, 1)
        val u = Plane(ByteBuffer.wrap(byteArrayOf(85, 9)), 2, 2)
        val v = Plane(ByteBuffer.wrap(byteArrayOf(255.toByte(), 9)), 2, 2)
        val rgb = ByteArray(12)
        Yuv(2, y, u, v).toRgb(Crop(2, 2, 0, 2, 2), rgb)
        assertEquals(listOf(254, 0, 0), rgb.take(3).map { it.toInt() and 0xFF })
        assertEquals(listOf(255, 179, 179), rgb.takeLast(3).map { it.toInt() and 0xFF })
    }

    @Test
    fun theLastTimesCount() {
        val latencies = Latencies(3)
        assertNull(latencies.summary())
        for (milliseconds in listOf(99L, 4L, 1L, 2L)) latencies.add(milliseconds * 1_000_000)
        assertEquals(2.0, latencies.summary()!!.medianMs, 1e-9)
        assertEquals(1.0, latencies.summary()!!.spreadMs, 1e-9)
        latencies.clear()
        assertNull(latencies.summary())
    }
}
