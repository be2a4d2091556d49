package org.edgebench.core.task

import org.edgebench.core.document.Preprocessing
import org.edgebench.core.document.keptOutput
import org.edgebench.core.document.preprocessing
import org.edgebench.core.json.Fields
import org.edgebench.core.json.document

/** A model that the app was given, and how to use it. `height` and `width` are those of its input. */
class BundledModel(
    val name: String,
    val precision: String,
    val file: String,
    val sha256: String,
    val sizeBytes: Long,
    val trained: Boolean,
    val height: Int,
    val width: Int,
    val preprocessing: Preprocessing,
    val labels: List<String>?,
    val task: Task,
) {
    /** The label of a class, or its number where there is none. */
    fun label(index: Int): String = labels?.getOrNull(index) ?: index.toString()
}

/** The models of the app, in the order in which they are listed. */
class Bundle(val models: List<BundledModel>) {
    companion object {
        const val SCHEMA = "edgebench.bundle/1"

        /** Read `bundle.json`, which `edgebench bundle` writes. Throws [org.edgebench.core.json.InvalidDocument]. */
        fun read(text: String) = Bundle(document(text, "bundle.json", SCHEMA)["models"].list { model() })

        private fun Fields.model(): BundledModel {
            val task = get("task")
            return BundledModel(
                name = get("model").text(),
                precision = get("precision").text(),
                file = get("file").text(),
                sha256 = get("sha256").text(),
                sizeBytes = get("size_bytes").long(),
                trained = get("weights").text() != "untrained",
                height = get("height").int(),
                width = get("width").int(),
                preprocessing = get("preprocessing").preprocessing(),
                labels = get("labels").orNull { list { text() } },
                task = Task.of(task["task"].text(), task["outputs"].list { keptOutput() }, task["layout"]),
            )
        }
    }
}
