package org.edgebench.core

import org.edgebench.core.json.JsonObject
import org.edgebench.core.json.jsonOf
import org.edgebench.core.run.CpuClock
import org.edgebench.core.run.Engine
import org.edgebench.core.run.Machine
import org.edgebench.core.run.Runtime
import org.edgebench.core.run.RunnerError
import org.edgebench.core.tensor.ElementType
import org.edgebench.core.tensor.Tensor
import org.edgebench.core.tensor.Values
import java.io.File

/** A model whose first output is the sum of its input, and whose second is twice the input; `nan` gives NaN. */
class ToyEngine(private val name: String, private val log: MutableList<String>) : Engine {
    override val inputs = listOf(Tensor("x", intArrayOf(1, 2, 2, 3), ElementType.FLOAT32))
    override val outputs = listOf(
        Tensor("sum", intArrayOf(1, 1), ElementType.FLOAT32),
        Tensor("twice", intArrayOf(1, 2, 2, 3), ElementType.FLOAT32),
    )
    private var fed = DoubleArray(12)

    override fun feed(place: Int, values: Values) {
        fed = values.doubles()
    }

    override fun run() {
        log += name
    }

    override fun output(place: Int): Values = when {
        name == "nan" -> doubleArrayOf(Double.NaN).floats(1, 1)
        place == 0 -> doubleArrayOf(fed.sum()).floats(1, 1)
        else -> DoubleArray(12) { 2 * fed[it] }.floats(1, 2, 2, 3)
    }

    override fun close() {
        log += "close $name"
    }
}

/** Opens toys by what their file says; one that is called broken does not open. */
class ToyRuntime : Runtime {
    override val format = "tflite"
    override val name = "toys"
    override val version = "1"
    val log = ArrayList<String>()

    override fun open(model: File, threads: Int, delegate: String): Engine {
        val name = model.readText()
        if (name == "broken") throw RunnerError("the toy is broken")
        log += "open $name"
        return ToyEngine(name, log)
    }
}

class ToyMachine(private val cores: List<Int> = listOf(0, 1), override val cpuClock: CpuClock? = CpuClock { System.nanoTime() }) : Machine {
    override val system = "Toy"
    override val kernel = "1"
    override val architecture = "toy"
    override val processor: String? = null
    private var allowed: List<Int>? = cores

    override fun pin(cores: List<Int>) {
        if (!this.cores.containsAll(cores)) throw RunnerError("cannot run on cores $cores")
        allowed = cores
    }

    override fun allowedCores() = allowed

    override fun raisePriority() = Unit

    override fun readings(): JsonObject = jsonOf("unix_s" to 0.5)
}
