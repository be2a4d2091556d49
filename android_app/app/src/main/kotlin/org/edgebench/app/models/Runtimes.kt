package org.edgebench.app.models

import android.content.Context
import org.edgebench.app.litert.AndroidRuntime
import org.edgebench.core.run.Runtime
import java.util.ServiceLoader

/** What this app was built to measure with: LiteRT, and ONNX Runtime if the module `ort` is part of it. */
object Runtimes {
    fun of(context: Context): List<Runtime> =
        listOf(AndroidRuntime(context)) + ServiceLoader.load(Runtime::class.java, Runtime::class.java.classLoader)
}
