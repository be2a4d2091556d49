package org.edgebench.app.litert

import org.edgebench.core.run.Engine
import org.edgebench.core.tensor.Values
import org.tensorflow.lite.Interpreter
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * A model on the CPU.
 *
 * Inputs lie in direct buffers, which the interpreter copies into its own with each run: a part of what an app pays.
 * Outputs are read where they lie.
 */
internal class InterpreterEngine(model: File, threads: Int, xnnpack: Boolean) : Engine {
    private val interpreter = Interpreter(mapped(model), Interpreter.Options().setNumThreads(threads).setUseXNNPACK(xnnpack))

    init {
        interpreter.allocateTensors()
    }

    override val inputs = interpreter.inputs().map(::described)
    override val outputs = interpreter.outputs().map(::described)
    private val buffers: Array<ByteBuffer> = Array(inputs.size) { inputs[it].buffer() }
    private val given: Array<Any> = Array(inputs.size) { buffers[it] }
    private val nothing = emptyMap<Int, Any>()

    override fun feed(place: Int, values: Values) = inputs[place].encode(values, buffers[place])

    override fun run() {
        for (buffer in buffers) buffer.rewind()
        interpreter.runForMultipleInputsOutputs(given, nothing)
    }

    override fun output(place: Int): Values =
        outputs[place].decode(interpreter.getOutputTensor(place).asReadOnlyBuffer().order(ByteOrder.nativeOrder()))

    override fun close() = interpreter.close()
}
