package org.edgebench.jvm

import com.sun.jna.Callback
import com.sun.jna.Memory
import com.sun.jna.Pointer
import org.edgebench.core.run.Engine
import org.edgebench.core.run.Runtime
import org.edgebench.core.run.RunnerError
import org.edgebench.core.tensor.ElementType
import org.edgebench.core.tensor.Tensor
import org.edgebench.core.tensor.Values
import java.io.File
import java.nio.ByteBuffer

/** Desktop LiteRT, from the library of the Python package. */
class LiteRtRuntime(library: String, override val version: String) : Runtime {
    override val format = "tflite"
    override val name = "litert-jvm"
    private val litert = LiteRt(library)

    override fun open(model: File, threads: Int, delegate: String): Engine {
        val kernels = KERNELS[delegate] ?: throw RunnerError("this machine has no $delegate delegate")
        return LiteRtEngine(litert, model, "kernel_mode = \"$kernels\"\nnum_threads = $threads\n")
    }

    private companion object {
        val KERNELS = mapOf("xnnpack" to "delegate", "none" to "builtin")
    }
}

/** One model, compiled for the CPU. */
private class LiteRtEngine(private val litert: LiteRt, file: File, private val processor: String) : Engine {
    private val environment = litert.made("LiteRtCreateEnvironment", 0, null)
    private val model = opened { litert.made("LiteRtCreateModelFromFile", environment, file.path) }
    private val kept = ArrayList<Any>()
    private val compiled = opened { litert.made("LiteRtCreateCompiledModel", environment, model, options()) }
    private val signature = litert.made("LiteRtGetModelSignature", model, 0L)
    private val ins = Side("Input")
    private val outs = Side("Output")
    private val run = litert.function("LiteRtRunCompiledModel")
    private val arguments = arrayOf<Any?>(compiled, 0L, ins.count.toLong(), ins.handles, outs.count.toLong(), outs.handles)

    override val inputs get() = ins.tensors
    override val outputs get() = outs.tensors

    override fun feed(place: Int, values: Values) = ins.write(place, values)

    override fun run() {
        if (run.invokeInt(arguments) != 0) throw RunnerError("the runtime could not run the model")
    }

    override fun output(place: Int): Values = outs.read(place)

    override fun close() {
        ins.close()
        outs.close()
        litert.function("LiteRtDestroyCompiledModel").invokeVoid(arrayOf(compiled))
        litert.function("LiteRtDestroyModel").invokeVoid(arrayOf(model))
        litert.function("LiteRtDestroyEnvironment").invokeVoid(arrayOf(environment))
    }

    private fun opened(open: () -> Pointer): Pointer = try {
        open()
    } catch (error: RunnerError) {
        throw RunnerError("the runtime cannot load the model: ${error.message}")
    }

    private fun options(): Pointer {
        val options = litert.made("LiteRtCreateOptions")
        litert.call("LiteRtSetOptionsHardwareAccelerators", options, CPU)
        // The library reads the text while it compiles, and frees nothing: we keep it.
        val payload = Memory(processor.length + 1L).apply { setString(0, processor) }
        val free = object : Free {
            override fun invoke(payload: Pointer?) = Unit
        }
        kept.addAll(listOf(payload, free))
        val opaque = litert.made("LiteRtCreateOpaqueOptions", "xnnpack", payload, free)
        litert.call("LiteRtAddOpaqueOptions", options, opaque)
        return options
    }

    private interface Free : Callback {
        fun invoke(payload: Pointer?)
    }

    /**
     * The inputs or the outputs. Plans count them as the graph does, and buffers are given in the order of the
     * signature, which may be another: `handles`.
     */
    private inner class Side(side: String) : AutoCloseable {
        private val subgraph = litert.made("LiteRtGetSignatureSubgraph", signature)
        val count = litert.number("LiteRtGetNumSubgraph${side}s", subgraph).toInt()
        private val places = (0 until count).associate { litert.made("LiteRtGetSignature${side}TensorByIndex", signature, it.toLong()) to it }
        private val graph = (0 until count).map { litert.made("LiteRtGetSubgraph$side", subgraph, it.toLong()) }
        val tensors = graph.map(::described)
        private val buffers = graph.map { buffer(side, it) }
        val handles = Memory(8L * maxOf(count, 1)).apply {
            graph.forEachIndexed { place, tensor -> setPointer(8L * places.getValue(tensor), buffers[place]) }
        }

        fun write(place: Int, values: Values) = litert.locked(buffers[place], 1) { at ->
            tensors[place].encode(values, memory(at, place))
        }

        fun read(place: Int): Values {
            var found: Values? = null
            litert.locked(buffers[place], 0) { at -> found = tensors[place].decode(memory(at, place)) }
            return found!!
        }

        override fun close() = buffers.forEach { litert.function("LiteRtDestroyTensorBuffer").invokeVoid(arrayOf(it)) }

        private fun memory(at: Pointer, place: Int): ByteBuffer = at.getByteBuffer(0, tensors[place].byteSize.toLong())

        private fun buffer(side: String, tensor: Pointer): Pointer {
            val place = places[tensor] ?: throw RunnerError("the model's signature lacks a tensor of its graph")
            val needs = litert.made("LiteRtGetCompiledModel${side}BufferRequirements", compiled, 0L, place.toLong())
            return litert.made("LiteRtCreateManagedTensorBufferFromRequirements", environment, rankedType(tensor), needs)
        }
    }

    private fun described(tensor: Pointer): Tensor {
        val type = rankedType(tensor)
        val element = ELEMENTS[type.getInt(0)] ?: throw RunnerError("a tensor has the type ${type.getInt(0)}, which this app does not know")
        val shape = IntArray(type.getByte(4).toInt() and 0x7F) { type.getInt(8L + 4 * it) }
        val name = litert.text("LiteRtGetTensorName", tensor)
        if (litert.number("LiteRtGetQuantizationTypeId", tensor).toInt() != PER_TENSOR) return Tensor(name, shape, element)
        val quantisation = Memory(16).apply { clear() }
        litert.call("LiteRtGetPerTensorQuantization", tensor, quantisation)
        return Tensor(name, shape, element, quantisation.getFloat(0), quantisation.getLong(8).toInt())
    }

    private fun rankedType(tensor: Pointer) = Memory(72).apply {
        clear()
        litert.call("LiteRtGetRankedTensorType", tensor, this)
    }

    private companion object {
        const val CPU = 1
        const val PER_TENSOR = 1
        val ELEMENTS = mapOf(
            1 to ElementType.FLOAT32, 2 to ElementType.INT32, 3 to ElementType.UINT8, 4 to ElementType.INT64,
            6 to ElementType.BOOL, 7 to ElementType.INT16, 9 to ElementType.INT8, 10 to ElementType.FLOAT16,
            11 to ElementType.FLOAT64, 16 to ElementType.UINT32, 17 to ElementType.UINT16,
        )
    }
}
