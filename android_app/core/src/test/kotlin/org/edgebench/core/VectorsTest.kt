package org.edgebench.core

import org.edgebench.core.document.KeptOutput
import org.edgebench.core.document.preprocessing
import org.edgebench.core.document.reduction
import org.edgebench.core.tensor.ElementType
import org.edgebench.core.tensor.Images
import org.edgebench.core.tensor.Reducer
import org.edgebench.core.tensor.Tensor
import org.edgebench.core.tensor.Values
import org.edgebench.core.tensor.product
import org.edgebench.core.task.Boxes
import org.edgebench.core.task.ClassMap
import org.edgebench.core.task.Classes
import org.edgebench.core.task.Numbers
import org.edgebench.core.task.Task
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Test
import java.nio.ByteBuffer
import java.nio.ByteOrder

class VectorsTest {
    @Test
    fun outputsAreReducedBitByBit() {
        for (case in vectors("reductions.json")) {
            val name = case["name"].text()
            val reduction = case["reduction"].reduction()
            val outputs = case["outputs"].map { nested() }
            val type = Reducer.typeOf(reduction)
            val kept = case["kept"].nested()
            // Each image by itself, as on a device.
            val images = kept.size / reduction.shape.product()
            val found = (0 until images).flatMap { image ->
                val one = outputs.mapValues { (_, all) ->
                    val size = all.size / images
                    all.copyOfRange(image * size, (image + 1) * size).floats(size)
                }
                Reducer.bytes(Reducer.reduce(reduction, case["output"].text(), one), type).toList()
            }
            assertArrayEquals(name, Reducer.bytes(kept.floats(kept.size), type), found.toByteArray())
        }
    }

    @Test
    fun imagesBecomeInputs() {
        for (case in vectors("preprocessing.json")) {
            val name = case["name"].text()
            val image = case["image"].nested()
            val height = case["image"].list { 1 }.size
            val rgb = ByteArray(image.size) { image[it].toInt().toByte() }
            val input = case["input"].run {
                Tensor("input", get("shape").ints(), ElementType.valueOf(get("dtype").text().uppercase()), get("scale").double().toFloat(), get("zero_point").int())
            }
            val buffer = input.buffer()
            input.encode(Images.prepare(rgb, height, image.size / height / 3, case.preprocessing()), buffer)
            val stored = Tensor("input", input.shape, input.type).decode(buffer).doubles()
            assertArrayEquals(name, case["stored"].nested(), stored, if (input.type == ElementType.FLOAT32) 1e-6 else 0.0)
        }
    }

    @Test
    fun outputsAreDecoded() {
        for (case in vectors("decoding.json")) {
            val name = case["name"].text()
            val outputs = case["task"]["outputs"].list { this }
            val kept = outputs.map { KeptOutput(it["role"].text(), it["output"].text(), 0, intArrayOf(), it["reduction"].reduction()) }
            val task = Task.of(case["task"]["task"].text(), kept, case["task"]["layout"])
            val values = outputs.associate { it["role"].text() to it["reduction"].kept(case["kept"][it["role"].text()]) }
            val decoded = case["decoded"]
            when (val found = task.decode(values)) {
                is Classes -> {
                    val wanted = decoded["classes"].list { nested() }
                    assertEquals(name, wanted.map { it[0].toInt() }, found.ranked.map { it.index })
                    assertArrayEquals(name, wanted.map { it[1] }.toDoubleArray(), found.ranked.map { it.score }.toDoubleArray(), 1e-12)
                }
                is Boxes -> assertArrayEquals(
                    name,
                    decoded["boxes"].nested(),
                    found.found.flatMap { listOf(it.left, it.top, it.right, it.bottom, it.score, it.index.toDouble()) }.toDoubleArray(),
                    1e-5,
                )
                is ClassMap -> assertArrayEquals(name, decoded["map"].nested(), DoubleArray(found.classes.size) { found.classes[it].toDouble() }, 0.0)
                is Numbers -> throw AssertionError(name)
            }
        }
    }

    @Test
    fun halvesAreThoseOfIeee754() {
        val type = ElementType.FLOAT16
        val wanted = mapOf(
            0x3C00 to 1f, 0xC000 to -2f, 0x0001 to 5.9604645e-8f, 0x7BFF to 65504f, 0x0400 to 6.1035156e-5f,
            0x03FF to 6.097555e-5f, 0x8000 to -0f, 0x7C00 to Float.POSITIVE_INFINITY,
        )
        for ((bits, value) in wanted) {
            val one = Tensor("half", intArrayOf(1), type)
            val buffer = one.buffer().putShort(0, bits.toShort())
            assertEquals(value, (one.decode(buffer) as Values.Floats).data[0])
            one.encode(Values.Floats(intArrayOf(1), floatArrayOf(value)), buffer)
            assertEquals(bits.toShort(), buffer.getShort(0))
        }
        val rounded = ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN)
        for ((value, bits) in mapOf(2049f to 0x6800, 2051f to 0x6802, 65520f to 0x7C00, 1e-9f to 0, 2047.9f to 0x6800)) {
            Tensor("half", intArrayOf(1), type).encode(Values.Floats(intArrayOf(1), floatArrayOf(value)), rounded)
            assertEquals("$value", bits.toShort(), rounded.getShort(0))
        }
    }
}
