package org.edgebench.app.litert

import org.edgebench.core.run.RunnerError
import org.edgebench.core.tensor.ElementType
import org.edgebench.core.tensor.Tensor
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Interpreter
import java.io.File
import java.io.RandomAccessFile
import java.nio.MappedByteBuffer
import java.nio.channels.FileChannel

/** A tensor of LiteRT's, as the core describes it. */
internal fun described(tensor: org.tensorflow.lite.Tensor): Tensor {
    val type = when (tensor.dataType()) {
        DataType.FLOAT32 -> ElementType.FLOAT32
        DataType.INT32 -> ElementType.INT32
        DataType.UINT8 -> ElementType.UINT8
        DataType.INT64 -> ElementType.INT64
        DataType.BOOL -> ElementType.BOOL
        DataType.INT16 -> ElementType.INT16
        DataType.INT8 -> ElementType.INT8
        else -> throw RunnerError("the tensor ${tensor.name()} has the type ${tensor.dataType()}, which this app does not know")
    }
    val how = tensor.quantizationParams()
    return Tensor(tensor.name(), tensor.shape(), type, how.scale, how.zeroPoint)
}

internal fun Interpreter.inputs() = (0 until inputTensorCount).map(::getInputTensor)

internal fun Interpreter.outputs() = (0 until outputTensorCount).map(::getOutputTensor)

/** The file in memory, which the system may take back. */
internal fun mapped(file: File): MappedByteBuffer =
    RandomAccessFile(file, "r").use { it.channel.map(FileChannel.MapMode.READ_ONLY, 0, it.length()) }
