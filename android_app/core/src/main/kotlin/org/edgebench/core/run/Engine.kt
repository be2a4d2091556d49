package org.edgebench.core.run

import org.edgebench.core.json.JsonObject
import org.edgebench.core.tensor.Tensor
import org.edgebench.core.tensor.Values

/** One sentence for the person who started the run. */
class RunnerError(message: String) : Exception(message)

/** A model that is loaded, and the buffers of its inputs and outputs. Used by one thread. */
interface Engine : AutoCloseable {
    val inputs: List<Tensor>

    val outputs: List<Tensor>

    /** Set one input from real values. */
    fun feed(place: Int, values: Values)

    /** One inference and nothing else; it is what gets timed. */
    fun run()

    /** The real values of one output: floats in single precision, whole numbers as they are. */
    fun output(place: Int): Values

    val delegation: Delegation get() = Delegation()

    /** What the runtime's own profiler measures, or null if it has none. See `Profile` in the result's schema. */
    fun profile(): JsonObject? = null
}

/** How many parts of the graph the delegate runs, and which operations it left; null where the runtime does not say. */
class Delegation(val partitions: Int? = null, val leftoverOps: List<String>? = null)

/** What opens models of one format. */
interface Runtime {
    /** The format as plans name it, such as `tflite`. */
    val format: String

    /** Name and version, as the result's context has them. */
    val name: String
    val version: String

    /** Throws [RunnerError] if it cannot be done as asked; never does something else instead. */
    fun open(model: java.io.File, threads: Int, delegate: String): Engine
}

/** The message of an error, in one line. */
fun Throwable.sentence(): String = message?.trim()?.lineSequence()?.first()?.ifEmpty { null } ?: javaClass.simpleName
