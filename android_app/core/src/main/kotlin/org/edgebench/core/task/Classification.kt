package org.edgebench.core.task

import org.edgebench.core.json.Fields
import org.edgebench.core.tensor.Values
import kotlin.math.exp

/** One score for each class: logits, or probabilities. */
internal class Classification(private val role: String, layout: Fields) {
    private val offset = if (layout["background"].orNull { text() } == "first") 1 else 0

    fun decode(outputs: Map<String, Values>): Classes {
        val scores = outputs.getValue(role).let { one -> DoubleArray(one.size, one::double) }
        val found = if (role == "logits") softmax(scores) else scores
        val best = found.indices.sortedWith { one, other -> found[other].compareTo(found[one]) }.take(SHOWN)
        return Classes(best.map { Classes.Scored(it - offset, found[it]) })
    }

    private companion object {
        const val SHOWN = 5
    }
}

/** Of one row; the largest is taken off first, so that nothing overflows. */
internal fun softmax(values: DoubleArray): DoubleArray {
    val largest = values.maxOrNull() ?: return values
    val powers = DoubleArray(values.size) { exp(values[it] - largest) }
    val sum = powers.sum()
    return DoubleArray(values.size) { powers[it] / sum }
}
