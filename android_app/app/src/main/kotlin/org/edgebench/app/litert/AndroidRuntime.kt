package org.edgebench.app.litert

import android.content.Context
import org.edgebench.core.run.Engine
import org.edgebench.core.run.Runtime
import org.edgebench.core.run.RunnerError
import org.edgebench.core.run.sentence
import org.tensorflow.lite.TensorFlowLite
import java.io.File

/** LiteRT on Android: the Interpreter for the CPU, CompiledModel for GPU and NPU. */
class AndroidRuntime(private val context: Context) : Runtime {
    override val format = "tflite"
    override val name = "litert-android"
    override val version: String get() = TensorFlowLite.runtimeVersion()

    override fun open(model: File, threads: Int, delegate: String): Engine = try {
        when (delegate) {
            "xnnpack" -> InterpreterEngine(model, threads, xnnpack = true)
            "none" -> InterpreterEngine(model, threads, xnnpack = false)
            "gpu" -> AcceleratedEngine.gpu(context, model)
            "npu" -> AcceleratedEngine.npu(context, model)
            else -> throw RunnerError("LiteRT on Android has no $delegate; it has xnnpack, none, gpu and npu")
        }
    } catch (error: RunnerError) {
        throw error
    } catch (error: Exception) {
        throw RunnerError("LiteRT cannot run the model with $delegate: ${error.sentence()}")
    } catch (error: UnsatisfiedLinkError) {
        throw RunnerError("LiteRT's library for $delegate is not part of this app: ${error.sentence()}")
    }

    companion object {
        /** What the screens offer; a phone may lack the last two, and says so. */
        val DELEGATES = listOf("xnnpack", "gpu", "npu")

        fun appVersion(context: Context): String =
            context.packageManager.getPackageInfo(context.packageName, 0).versionName ?: "?"
    }
}
