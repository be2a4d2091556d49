package org.edgebench.jvm

import org.edgebench.core.json.Json
import org.edgebench.core.json.json
import org.edgebench.core.json.write
import org.edgebench.core.task.Boxes
import org.edgebench.core.task.Bundle
import org.edgebench.core.task.ClassMap
import org.edgebench.core.task.Classes
import org.edgebench.core.task.Numbers
import org.edgebench.core.task.Prediction
import org.edgebench.core.task.Predictor
import java.io.File

/** What every model of a bundle says of one image, as JSON by line; the image is a file of its bytes for each model. */
object Predict {
    @JvmStatic
    fun main(words: Array<String>) {
        val (folder, images) = words.map(::File)
        val runtime = LiteRtRuntime(System.getProperty("litert"), System.getProperty("litert.version"))
        for (model in Bundle.read(File(folder, "bundle.json").readText()).models) {
            Predictor(model, runtime.open(File(folder, model.file), 1, "xnnpack")).use {
                println(described(it.predict(File(images, "${model.height}x${model.width}.rgb").readBytes())).write())
            }
        }
        System.out.flush()
        Runtime.getRuntime().halt(0)
    }

    private fun described(found: Prediction): Json = when (found) {
        is Classes -> json(found.ranked.map { listOf(it.index, it.score) })
        is Boxes -> json(found.found.map { listOf(it.left, it.top, it.right, it.bottom, it.score, it.index) })
        is ClassMap -> json(found.classes)
        is Numbers -> json(found.byOutput.mapValues { (_, one) -> List(one.size, one::double) })
    }
}
