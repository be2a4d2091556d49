package org.edgebench.core.task

import org.edgebench.core.document.KeptOutput
import org.edgebench.core.json.Fields
import org.edgebench.core.json.InvalidDocument
import org.edgebench.core.tensor.Reducer
import org.edgebench.core.tensor.Values

/** What a model says of one image. */
sealed interface Prediction

/** The best classes, best first, with their probabilities. */
class Classes(val ranked: List<Scored>) : Prediction {
    class Scored(val index: Int, val score: Double)
}

/** The things found, best first; boxes in pixels of the model's input. */
class Boxes(val found: List<Box>) : Prediction {
    class Box(val left: Double, val top: Double, val right: Double, val bottom: Double, val score: Double, val index: Int)
}

/** The class of each pixel, row by row. */
class ClassMap(val height: Int, val width: Int, val classes: IntArray) : Prediction

/** Numbers that no task gives a meaning to, by the name of their output. */
class Numbers(val byOutput: Map<String, Values>) : Prediction

/** Reads what is kept of a model's outputs, as its manifest says. */
class Task private constructor(val name: String, private val kept: List<KeptOutput>, private val decoder: (Map<String, Values>) -> Prediction) {
    /** From the model's outputs; `output` gives one by its place, in the file's order of axes. */
    fun read(output: (Int) -> Values): Prediction {
        val onnx = kept.associate { it.output to output(it.index).transposed(back(it.axes)) }
        return decoder(kept.associate { it.role to Reducer.reduce(it.reduction, it.output, onnx) })
    }

    /** From what is kept of the outputs, by role. */
    fun decode(outputs: Map<String, Values>): Prediction = decoder(outputs)

    private fun back(axes: IntArray) = IntArray(axes.size).also { places -> axes.forEachIndexed { place, axis -> places[axis] = place } }

    companion object {
        /** The task of that name. Throws [InvalidDocument] for one that this app does not know. */
        fun of(name: String, kept: List<KeptOutput>, layout: Fields): Task {
            val decoder: (Map<String, Values>) -> Prediction = when (name) {
                "classification" -> Classification(kept.single().role, layout)::decode
                "detection" -> Detection(DetectionLayout.of(layout))::decode
                "segmentation" -> ({ outputs -> classMap(outputs.getValue(kept.single().role)) })
                "none" -> ({ outputs -> Numbers(outputs) })
                else -> throw InvalidDocument("this app does not know the task '$name'")
            }
            return Task(name, kept, decoder)
        }

        private fun classMap(values: Values): ClassMap {
            val (height, width) = values.shape
            return ClassMap(height, width, IntArray(values.size) { values.double(it).toInt() })
        }
    }
}
