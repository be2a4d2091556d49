package org.edgebench.core.run

import org.edgebench.core.document.EvaluationInputs
import org.edgebench.core.tensor.ElementType
import org.edgebench.core.tensor.Images
import org.edgebench.core.tensor.StoredArray
import org.edgebench.core.tensor.Tensor
import org.edgebench.core.tensor.Values
import org.edgebench.core.tensor.product
import org.edgebench.core.tensor.text
import java.io.File
import java.util.Random

/** The examples of an evaluation, one at a time: real values by the place of the input. */
interface Examples : AutoCloseable {
    val count: Int

    fun next(): Map<Int, Values>
}

/** Open the examples of an evaluation, at most `limit`. Throws [RunnerError]. */
fun examples(files: Files, evaluation: EvaluationInputs, limit: Int?): Examples {
    val file = files.checked(evaluation.file, evaluation.sha256)
    return if (evaluation.arrays.isEmpty()) StoredImages(file, evaluation, limit) else StoredInputs(file, evaluation, limit)
}

private class StoredImages(file: File, private val evaluation: EvaluationInputs, limit: Int?) : Examples {
    private val images = StoredArray(file, "images", "image")
    override val count: Int

    init {
        val (type, shape) = images.header.type to images.header.shape
        if (type != ElementType.UINT8 || shape.size != 4 || shape[3] != 3) {
            images.close()
            throw RunnerError("$file has no images that can be read (they are ${type.name.lowercase()} of shape ${shape.text()})")
        }
        count = minOf(images.count, limit ?: images.count)
    }

    override fun next(): Map<Int, Values> {
        val (_, height, width) = images.header.shape
        return mapOf(0 to Images.prepare(images.nextBytes(), height, width, evaluation.preprocessing))
    }

    override fun close() = images.close()
}

private class StoredInputs(file: File, private val evaluation: EvaluationInputs, limit: Int?) : Examples {
    private val arrays = ArrayList<StoredArray>()
    override val count: Int

    init {
        try {
            evaluation.arrays.forEach { arrays += StoredArray(file, it.array, "input") }
        } catch (error: RunnerError) {
            close()
            throw error
        }
        val smallest = arrays.minOf { it.count }
        count = minOf(smallest, limit ?: smallest)
    }

    override fun next(): Map<Int, Values> =
        evaluation.arrays.zip(arrays).associate { (one, array) -> one.index to array.next().transposed(one.axes) }

    override fun close() = arrays.forEach(StoredArray::close)
}

/** Set every input: those that are given, and the others to fixed noise in -1..1. */
fun Engine.fill(given: Map<Int, Values> = emptyMap()) {
    val chance = Random(0)
    inputs.forEachIndexed { place, input -> feed(place, given[place] ?: noise(input, chance)) }
}

private fun noise(input: Tensor, chance: Random) =
    Values.Floats(input.shape, FloatArray(input.shape.product()) { chance.nextFloat() * 2 - 1 })
