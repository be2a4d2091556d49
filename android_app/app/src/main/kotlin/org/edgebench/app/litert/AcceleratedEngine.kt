package org.edgebench.app.litert

import android.content.Context
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.BuiltinNpuAcceleratorProvider
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.Environment
import com.google.ai.edge.litert.TensorBuffer
import org.edgebench.core.run.Delegation
import org.edgebench.core.run.Engine
import org.edgebench.core.run.RunnerError
import org.edgebench.core.tensor.ElementType
import org.edgebench.core.tensor.Tensor
import org.edgebench.core.tensor.Values
import org.tensorflow.lite.Interpreter
import java.io.File
import java.nio.ByteBuffer

/**
 * A model on the GPU or NPU, all of it.
 *
 * LiteRT refuses to compile a model of which an operation is left where the CPU is not among the accelerators, so that
 * what was compiled runs where it was asked to. (litert/runtime/compiled_model.cc, "Some ops are not accelerated".)
 */
internal class AcceleratedEngine private constructor(
    model: File,
    private val environment: Environment,
    accelerators: Set<Accelerator>,
) : Engine {
    /** What CompiledModel does not tell: order, names and quantisation of the tensors. */
    private val ports = Ports.of(model)
    private val compiled = try {
        CompiledModel.create(model.path, CompiledModel.Options(accelerators), environment)
    } catch (error: Exception) {
        environment.close()
        throw error
    }

    override val inputs get() = ports.inputs.map { it.tensor }
    override val outputs get() = ports.outputs.map { it.tensor }

    private val given = ports.inputs.map { compiled.createInputBuffer(it.name, ports.signature) }
    private val made = ports.outputs.map { compiled.createOutputBuffer(it.name, ports.signature) }
    private val givenByName = ports.inputs.map { it.name }.zip(given).toMap()
    private val madeByName = ports.outputs.map { it.name }.zip(made).toMap()
    private val scratch = inputs.map(Tensor::buffer)

    override val delegation = Delegation(leftoverOps = emptyList())

    override fun feed(place: Int, values: Values) {
        val tensor = inputs[place]
        tensor.encode(values, scratch[place])
        given[place].write(tensor, scratch[place].apply { rewind() })
    }

    override fun run() = compiled.run(givenByName, madeByName, ports.signature)

    override fun output(place: Int): Values = made[place].read(outputs[place])

    override fun close() {
        (given + made).forEach(TensorBuffer::close)
        compiled.close()
        environment.close()
    }

    companion object {
        fun gpu(context: Context, model: File): Engine =
            AcceleratedEngine(model, Environment.create(context, enableCompilerCache = false), setOf(Accelerator.GPU))

        /** LiteRT adds the CPU to a set of the NPU alone, and runs what the NPU did not take there: NONE prevents that. */
        fun npu(context: Context, model: File): Engine {
            val provider = BuiltinNpuAcceleratorProvider(context)
            if (!provider.isDeviceSupported()) throw RunnerError("LiteRT does not know an NPU in this phone")
            val environment = Environment.create(context, provider, enableCompilerCache = false)
            return AcceleratedEngine(model, environment, setOf(Accelerator.NPU, Accelerator.NONE))
        }
    }
}

/** The inputs and outputs in the order of the graph, each with its name in the model's signature. */
private class Ports(val signature: String, val inputs: List<Port>, val outputs: List<Port>) {
    class Port(val name: String, val tensor: Tensor)

    companion object {
        fun of(model: File): Ports = Interpreter(mapped(model), Interpreter.Options().setUseXNNPACK(false)).use { read ->
            val key = read.signatureKeys.firstOrNull() ?: throw RunnerError("the model has no signature, which GPU and NPU need")
            val ins = read.getSignatureInputs(key).associateBy { read.getInputTensorFromSignature(it, key).index() }
            val outs = read.getSignatureOutputs(key).associateBy { read.getOutputTensorFromSignature(it, key).index() }
            fun ports(names: Map<Int, String>, tensors: List<org.tensorflow.lite.Tensor>) = tensors.map {
                Port(names[it.index()] ?: throw RunnerError("the model's signature lacks ${it.name()}"), described(it))
            }
            Ports(key, ports(ins, read.inputs()), ports(outs, read.outputs()))
        }
    }
}

private fun TensorBuffer.write(tensor: Tensor, from: ByteBuffer) {
    val size = tensor.byteSize / tensor.type.bytes
    when (tensor.type) {
        ElementType.FLOAT32 -> writeFloat(FloatArray(size).also { from.asFloatBuffer().get(it) })
        ElementType.INT8 -> writeInt8(ByteArray(size).also { from.get(it) })
        ElementType.INT32 -> writeInt(IntArray(size).also { from.asIntBuffer().get(it) })
        ElementType.INT64 -> writeLong(LongArray(size).also { from.asLongBuffer().get(it) })
        else -> throw RunnerError("CompiledModel takes no ${tensor.type} (${tensor.name})")
    }
}

private fun TensorBuffer.read(tensor: Tensor): Values {
    val into = tensor.buffer()
    when (tensor.type) {
        ElementType.FLOAT32 -> into.asFloatBuffer().put(readFloat())
        ElementType.INT8 -> into.put(readInt8())
        ElementType.INT32 -> into.asIntBuffer().put(readInt())
        ElementType.INT64 -> into.asLongBuffer().put(readLong())
        else -> throw RunnerError("CompiledModel gives no ${tensor.type} (${tensor.name})")
    }
    return tensor.decode(into)
}
