package org.edgebench.ort

import ai.onnxruntime.NodeInfo
import ai.onnxruntime.OnnxJavaType
import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtSession
import ai.onnxruntime.OrtSession.SessionOptions
import ai.onnxruntime.TensorInfo
import org.edgebench.core.json.JsonObject
import org.edgebench.core.run.Delegation
import org.edgebench.core.run.Engine
import org.edgebench.core.run.RunnerError
import org.edgebench.core.tensor.ElementType
import org.edgebench.core.tensor.Tensor
import org.edgebench.core.tensor.Values
import java.io.File
import java.nio.ByteBuffer

/**
 * A session whose inputs and outputs lie in direct buffers that it reads and writes in place.
 *
 * `options` makes a session's options anew: a second session tells where operators run, because the profiler that
 * knows it would slow down the first.
 */
internal class OrtEngine(
    private val environment: OrtEnvironment,
    private val model: File,
    private val provider: String,
    private val options: () -> SessionOptions,
) : Engine {
    private val session = options().use { environment.createSession(model.path, it) }
    override val inputs = session.inputInfo.map { (name, port) -> described(name, port) }
    override val outputs = session.outputInfo.map { (name, port) -> described(name, port) }
    private val buffers = inputs.map(Tensor::buffer)
    private val results = outputs.map(Tensor::buffer)
    private val given = bound(inputs, buffers)
    private val made = bound(outputs, results)

    override fun feed(place: Int, values: Values) = inputs[place].encode(values, buffers[place])

    override fun run() = session.run(given, made).close()

    override fun output(place: Int): Values = outputs[place].decode(results[place])

    override val delegation: Delegation by lazy { if (provider == OrtRuntime.CPU) Delegation() else traced(1).delegation(provider) }

    override fun profile(): JsonObject? = if (provider == OrtRuntime.QNN) null else traced(INFERENCES).profile()

    override fun close() {
        (given.values + made.values).forEach(OnnxTensor::close)
        session.close()
    }

    private fun traced(inferences: Int): Trace {
        val prefix = File.createTempFile("edgebench", ".trace")
        prefix.delete()
        val traced = options().use {
            it.enableProfiling(prefix.path)
            environment.createSession(model.path, it)
        }
        return traced.use {
            repeat(WARMING + inferences) { _ -> it.run(given, made).close() }
            val file = File(it.endProfiling())
            try {
                Trace.read(file.readText(), inferences)
            } finally {
                file.delete()
            }
        }
    }

    private fun bound(tensors: List<Tensor>, buffers: List<ByteBuffer>): Map<String, OnnxTensor> =
        tensors.zip(buffers).associate { (tensor, buffer) ->
            val shape = LongArray(tensor.shape.size) { tensor.shape[it].toLong() }
            buffer.rewind()
            tensor.name to OnnxTensor.createTensor(environment, buffer, shape, TYPES.getValue(tensor.type))
        }

    private fun described(name: String, port: NodeInfo): Tensor {
        val info = port.info as? TensorInfo ?: throw RunnerError("$name is no tensor")
        if (info.shape.any { it < 0 }) {
            throw RunnerError("the shape of its $name is not fixed; fix it with edgebench export --input-shape")
        }
        val type = TYPES.entries.firstOrNull { it.value == info.type }?.key
            ?: throw RunnerError("$name has the type ${info.type}, which this app does not know")
        return Tensor(name, IntArray(info.shape.size) { info.shape[it].toInt() }, type)
    }

    private companion object {
        const val WARMING = 1
        const val INFERENCES = 20
        val TYPES = mapOf(
            ElementType.FLOAT32 to OnnxJavaType.FLOAT, ElementType.FLOAT64 to OnnxJavaType.DOUBLE,
            ElementType.FLOAT16 to OnnxJavaType.FLOAT16, ElementType.INT8 to OnnxJavaType.INT8,
            ElementType.UINT8 to OnnxJavaType.UINT8, ElementType.INT16 to OnnxJavaType.INT16,
            ElementType.INT32 to OnnxJavaType.INT32, ElementType.INT64 to OnnxJavaType.INT64,
            ElementType.BOOL to OnnxJavaType.BOOL,
        )
    }
}
