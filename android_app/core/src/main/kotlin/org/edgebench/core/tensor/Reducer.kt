package org.edgebench.core.tensor

import org.edgebench.core.document.Reduction
import org.edgebench.core.document.RowRank
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** What is kept of an output, of one image: the cases of reductions.json say what each kind gives. */
object Reducer {
    /**
     * The values that are kept, in the reduction's shape.
     *
     * @param outputs all that the plan keeps, by name, in ONNX's order of axes.
     * Throws [ShapeMismatch].
     */
    fun reduce(reduction: Reduction, name: String, outputs: Map<String, Values>): Values {
        val values = outputs.getValue(name).reshaped(reduction.source)
        val kept = when (reduction.kind) {
            "identity" -> values
            "argmax" -> argmax(values, reduction.axis!!)
            "threshold" -> threshold(values, reduction.threshold!!)
            "top_rows" -> topRows(values, reduction, outputs)
            else -> throw ShapeMismatch("this app has no reduction '${reduction.kind}'")
        }
        if (!kept.shape.contentEquals(reduction.shape)) {
            throw ShapeMismatch("the output $name gives ${kept.shape.text()} for an image, but the plan expects ${reduction.shape.text()}")
        }
        return kept
    }

    /** Values as the file of their role holds them: little-endian, rounded where it holds whole numbers. */
    fun bytes(values: Values, type: ElementType): ByteArray {
        val into = ByteBuffer.allocate(values.size * type.bytes).order(ByteOrder.LITTLE_ENDIAN)
        for (place in 0 until values.size) {
            if (type == ElementType.FLOAT32) {
                into.putFloat(if (values is Values.Floats) values.data[place] else values.double(place).toFloat())
                continue
            }
            val whole = if (values is Values.Longs) values.data[place] else Math.rint(values.double(place)).toLong()
            when (type.bytes) {
                1 -> into.put(whole.toByte())
                2 -> into.putShort(whole.toShort())
                else -> into.putInt(whole.toInt())
            }
        }
        return into.array()
    }

    /** The type of what is kept, by the name in the plan. */
    fun typeOf(reduction: Reduction): ElementType = when (reduction.dtype) {
        "float32" -> ElementType.FLOAT32
        "int32" -> ElementType.INT32
        "uint8" -> ElementType.UINT8
        "uint16" -> ElementType.UINT16
        else -> throw ShapeMismatch("this app keeps no ${reduction.dtype}")
    }

    private fun argmax(values: Values, axis: Int): Values {
        val shape = values.shape
        val inner = shape.copyOfRange(axis + 1, shape.size).product()
        val outer = shape.copyOfRange(0, axis).product()
        val best = LongArray(outer * inner)
        for (place in best.indices) {
            val start = place / inner * shape[axis] * inner + place % inner
            var largest = 0
            for (one in 1 until shape[axis]) {
                if (values.double(start + one * inner) > values.double(start + largest * inner)) largest = one
            }
            best[place] = largest.toLong()
        }
        return Values.Longs(shape.filterIndexed { place, _ -> place != axis }.toIntArray(), best)
    }

    private fun threshold(values: Values, limit: Double): Values {
        // Floats are compared in their own precision.
        val bound = if (values is Values.Floats) limit.toFloat().toDouble() else limit
        return Values.Longs(values.shape, LongArray(values.size) { if (values.double(it) > bound) 1 else 0 })
    }

    private fun topRows(values: Values, reduction: Reduction, outputs: Map<String, Values>): Values {
        val axis = reduction.axis!!
        val best = bestRows(reduction.rank!!, outputs).copyOf(reduction.count!!)
        val inner = values.shape.copyOfRange(axis + 1, values.shape.size).product()
        val rows = values.shape[axis]
        val shape = values.shape.copyOf().also { it[axis] = best.size }
        val places = IntArray(shape.product()) {
            val (before, within) = it / (best.size * inner) to it % (best.size * inner)
            (before * rows + best[within / inner]) * inner + within % inner
        }
        return values.at(shape, places)
    }

    /** All rows, the best first; of equal rows the first. */
    private fun bestRows(rank: RowRank, outputs: Map<String, Values>): IntArray {
        var table = outputs.getValue(rank.output).reshaped(rank.source)
        if (rank.axis == 1) table = table.transposed(intArrayOf(1, 0))
        val columns = table.shape[1]
        val scores = FloatArray(table.shape[0]) { row ->
            var largest = table.double(row * columns + rank.first).toFloat()
            for (column in rank.first + 1 until rank.end) {
                largest = maxOf(largest, table.double(row * columns + column).toFloat())
            }
            if (rank.times == null) largest else largest * table.double(row * columns + rank.times).toFloat()
        }
        // Not compareTo: it puts -0.0 before 0.0, which are equal here.
        val order = scores.indices.sortedWith { one, other ->
            if (scores[one] > scores[other]) -1 else if (scores[one] < scores[other]) 1 else 0
        }
        return order.toIntArray()
    }
}
