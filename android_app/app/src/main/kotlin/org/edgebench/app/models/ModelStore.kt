package org.edgebench.app.models

import android.content.Context
import org.edgebench.app.litert.AndroidRuntime
import org.edgebench.core.document.sha256
import org.edgebench.core.run.RunnerError
import org.edgebench.core.task.Bundle
import org.edgebench.core.task.BundledModel
import org.edgebench.core.task.Predictor
import java.io.File
import java.io.FileNotFoundException
import java.io.InputStream

/** The models that `edgebench bundle` put into the app's assets. */
class ModelStore(private val context: Context) {
    /** All of them; none where nothing was bundled. Throws [org.edgebench.core.json.InvalidDocument]. */
    val models: List<BundledModel> = try {
        Bundle.read(asset("bundle.json").use { it.reader().readText() }).models
    } catch (_: FileNotFoundException) {
        emptyList()
    }

    /** Load a model. Throws [RunnerError]. */
    fun open(model: BundledModel, delegate: String): Predictor =
        Predictor(model, AndroidRuntime(context).open(file(model), THREADS, delegate))

    /** The model as a file, which LiteRT maps; it is unpacked once. */
    private fun file(model: BundledModel): File {
        val folder = File(context.noBackupFilesDir, "models").apply { mkdirs() }
        val file = File(folder, model.file)
        if (file.length() != model.sizeBytes) {
            // Others are of bundles that this app does not have any more.
            folder.listFiles().orEmpty().filter { old -> models.none { it.file == old.name } }.forEach(File::delete)
            val part = File(folder, "${model.file}.part")
            asset(model.file).use { from -> part.outputStream().use(from::copyTo) }
            if (sha256(part) != model.sha256 || !part.renameTo(file)) throw RunnerError("the model ${model.name} is damaged; install the app again")
        }
        return file
    }

    private fun asset(name: String): InputStream = context.assets.open("models/$name")

    private companion object {
        /** As many as phones have fast cores. */
        const val THREADS = 2
    }
}
