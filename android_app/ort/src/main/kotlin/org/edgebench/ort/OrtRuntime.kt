package org.edgebench.ort

import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtLoggingLevel
import ai.onnxruntime.OrtSession.SessionOptions
import org.edgebench.core.run.Engine
import org.edgebench.core.run.Runtime
import org.edgebench.core.run.RunnerError
import org.edgebench.core.run.sentence
import java.io.File

/** ONNX Runtime. The app finds it by `ServiceLoader` if it was built with this module. */
class OrtRuntime : Runtime {
    private val environment by lazy {
        OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL).apply { setTelemetry(false) }
    }

    override val format = "onnx"
    override val name = "onnxruntime-android"
    override val version: String get() = environment.version

    override fun open(model: File, threads: Int, delegate: String): Engine = try {
        val provider = PROVIDERS[delegate]
            ?: throw RunnerError("ONNX Runtime has no $delegate; it has ${PROVIDERS.keys.joinToString()}")
        OrtEngine(environment, model, provider) { options(threads, provider) }
    } catch (error: OrtException) {
        throw RunnerError("ONNX Runtime cannot run the model with $delegate: ${error.sentence()}")
    } catch (error: UnsatisfiedLinkError) {
        throw RunnerError("ONNX Runtime's library is not part of this app: ${error.sentence()}")
    }

    private fun options(threads: Int, provider: String): SessionOptions {
        val options = SessionOptions()
        try {
            // XNNPACK has threads of its own; those of the session would take the cores from them.
            options.setIntraOpNumThreads(if (provider == XNNPACK) 1 else threads)
            options.setInterOpNumThreads(1)
            options.setExecutionMode(SessionOptions.ExecutionMode.SEQUENTIAL)
            when (provider) {
                XNNPACK -> {
                    options.addConfigEntry("session.intra_op.allow_spinning", "0")
                    appended(XNNPACK) { options.addXnnpack(mapOf("intra_op_num_threads" to "$threads")) }
                }
                QNN -> {
                    // What Qualcomm's NPU does not take is an error, and does not run on the CPU.
                    options.addConfigEntry("session.disable_cpu_ep_fallback", "1")
                    appended(QNN) { options.addQnn(mapOf("backend_path" to "libQnnHtp.so")) }
                }
            }
            return options
        } catch (error: Exception) {
            options.close()
            throw error
        }
    }

    /** An app is built with one package of ONNX Runtime, and a package has some of the providers. */
    private fun appended(provider: String, append: () -> Unit) = try {
        append()
    } catch (error: OrtException) {
        throw RunnerError("the ONNX Runtime of this app has no ${provider.removeSuffix(SUFFIX)} provider (${error.sentence()}); ${PACKAGES[provider]}")
    }

    internal companion object {
        const val SUFFIX = "ExecutionProvider"
        const val CPU = "CPU$SUFFIX"
        const val XNNPACK = "Xnnpack$SUFFIX"
        const val QNN = "QNN$SUFFIX"

        /** As in the Python runner, `xnnpack`, the default of plans, means the CPU: ONNX Runtime's own kernels. */
        val PROVIDERS = mapOf("xnnpack" to CPU, "none" to CPU, "xnnpack-provider" to XNNPACK, "npu" to QNN, "qnn" to QNN)

        val PACKAGES = mapOf(
            XNNPACK to "build it with edgebench.onnxruntime=onnxruntime-android",
            QNN to "build it with edgebench.onnxruntime=onnxruntime-android-qnn",
        )
    }
}
