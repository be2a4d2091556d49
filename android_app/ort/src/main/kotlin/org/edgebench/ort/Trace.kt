package org.edgebench.ort

import org.edgebench.core.json.JsonArray
import org.edgebench.core.json.JsonNumber
import org.edgebench.core.json.JsonObject
import org.edgebench.core.json.JsonString
import org.edgebench.core.json.jsonOf
import org.edgebench.core.json.readJson
import org.edgebench.core.run.Delegation

/** What ONNX Runtime's profiler says of the last inferences of a session: the kernels of each, in order. */
internal class Trace private constructor(private val inferences: List<Inference>) {
    private class Inference(val durationUs: Double, val kernels: List<Kernel>)

    private class Kernel(val name: String, val operator: String, val provider: String, val durationUs: Double)

    /** The parts that a provider runs, each a row of kernels without another's between, and the operators of others. */
    fun delegation(provider: String): Delegation {
        val kernels = inferences.last().kernels
        val taken = kernels.map { it.provider.equals(provider, ignoreCase = true) }
        val parts = taken.indices.count { taken[it] && (it == 0 || !taken[it - 1]) }
        return Delegation(parts, kernels.filterIndexed { place, _ -> !taken[place] }.map { it.operator })
    }

    /** See `Profile` in the result's schema. */
    fun profile(): JsonObject {
        val rows = inferences.last().kernels.mapIndexed { place, kernel ->
            val mean = inferences.map { it.kernels[place].durationUs }.average()
            jsonOf("name" to kernel.name, "type" to kernel.operator, "time_s" to mean / 1e6)
        }
        return jsonOf(
            "source" to "ONNX Runtime profile",
            "inferences" to inferences.size,
            "whole_s" to inferences.map { it.durationUs }.average() / 1e6,
            "operations" to rows,
        )
    }

    companion object {
        private const val KERNEL = "_kernel_time"

        fun read(text: String, inferences: Int): Trace {
            val events = (readJson(text) as JsonArray).items.map { it as JsonObject }.sortedBy { it.number("ts") }
            val kernels = events.filter { it.text("cat") == "Node" && it.text("name").endsWith(KERNEL) }
            return Trace(
                events.filter { it.text("name") == "model_run" }.takeLast(inferences).map { whole ->
                    val span = whole.number("ts").let { it..it + whole.number("dur") }
                    Inference(whole.number("dur"), kernels.filter { it.number("ts") in span }.map(::kernel))
                },
            )
        }

        private fun kernel(event: JsonObject): Kernel {
            val about = event["args"] as JsonObject
            return Kernel(event.text("name").removeSuffix(KERNEL), about.text("op_name"), about.text("provider"), event.number("dur"))
        }

        private fun JsonObject.text(name: String) = (this[name] as? JsonString)?.text.orEmpty()

        private fun JsonObject.number(name: String) = (this[name] as? JsonNumber)?.text?.toDouble() ?: 0.0
    }
}
