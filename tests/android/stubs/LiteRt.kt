// What the app uses of LiteRT's Kotlin interface (com.google.ai.edge.litert 2.3), to compile against: no more, and
// without bodies. The classes themselves are in Google's Maven repository, which tests do not reach.

package com.google.ai.edge.litert

import android.content.Context

private fun stub(): Nothing = throw UnsupportedOperationException("stub")

enum class Accelerator { NONE, CPU, GPU, NPU }

class LiteRtException(message: String) : Exception(message)

class Environment private constructor() : AutoCloseable {
    enum class Option { CompilerPluginLibraryDir, DispatchLibraryDir }

    override fun close(): Unit = stub()

    companion object {
        @JvmStatic
        fun create(context: Context, options: Map<Option, String> = mapOf(), enableCompilerCache: Boolean = true): Environment =
            stub()

        @JvmStatic
        fun create(
            context: Context,
            npuAcceleratorProvider: NpuAcceleratorProvider,
            options: Map<Option, String> = mapOf(),
            enableCompilerCache: Boolean = true,
        ): Environment = stub()
    }
}

interface NpuAcceleratorProvider {
    fun isDeviceSupported(): Boolean
}

class BuiltinNpuAcceleratorProvider(context: Context) : NpuAcceleratorProvider {
    override fun isDeviceSupported(): Boolean = stub()
}

class TensorBuffer private constructor() : AutoCloseable {
    fun writeInt(data: IntArray): Unit = stub()

    fun writeFloat(data: FloatArray): Unit = stub()

    fun writeInt8(data: ByteArray): Unit = stub()

    fun writeLong(data: LongArray): Unit = stub()

    fun readInt(): IntArray = stub()

    fun readFloat(): FloatArray = stub()

    fun readInt8(): ByteArray = stub()

    fun readLong(): LongArray = stub()

    override fun close(): Unit = stub()
}

class CompiledModel private constructor() : AutoCloseable {
    class Options(accelerators: Set<Accelerator>) {
        constructor(vararg accelerators: Accelerator) : this(setOf(*accelerators))
    }

    fun createInputBuffer(inputName: String, signature: String = ""): TensorBuffer = stub()

    fun createOutputBuffer(outputName: String, signature: String = ""): TensorBuffer = stub()

    fun run(inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>, signature: String = ""): Unit = stub()

    override fun close(): Unit = stub()

    companion object {
        @JvmStatic
        fun create(filePath: String, options: Options, optionalEnv: Environment? = null): CompiledModel = stub()
    }
}
