package org.edgebench.core.document

import org.edgebench.core.json.Fields
import org.edgebench.core.json.InvalidDocument
import org.edgebench.core.json.JsonArray
import org.edgebench.core.json.JsonBoolean
import org.edgebench.core.json.JsonNull
import org.edgebench.core.json.JsonObject
import org.edgebench.core.json.JsonString
import org.edgebench.core.json.document
import org.edgebench.core.json.jsonOf
import org.edgebench.core.json.write
import java.io.File
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import java.util.TimeZone

/** What a plan has produced so far: the host's result, changed part by part and kept beside the changes. */
class Result private constructor(private var body: JsonObject, private val file: File) {
    val hasContext get() = body["context"] is JsonObject

    /** The evaluations by slot, in the order in which they were made. */
    val evaluations get() = (body["evaluations"] as JsonObject).fields.mapValues { it.value as JsonObject }

    val blocks get() = (body["blocks"] as JsonArray).items.map { it as JsonObject }

    /** The numbers of the blocks that were measured, or have failed. */
    val doneBlocks get() = blocks.map { Fields(it, "block")["index"].int() }.toSet()

    /** Apply a change, in the form in which it is told to the host, and replace the file. */
    fun apply(change: JsonObject) {
        for ((name, part) in change.fields) {
            body = when (name) {
                "block" -> body.with("blocks" to JsonArray(withBlock(part as JsonObject)))
                "evaluations" -> body.with(name to JsonObject((body[name] as JsonObject).fields + (part as JsonObject).fields))
                else -> body.with(name to part)
            }
        }
        body = body.with("updated" to JsonString(now()))
        replace(file, body.write())
    }

    private fun withBlock(block: JsonObject): List<JsonObject> {
        val index = { one: JsonObject -> Fields(one, "block")["index"].int() }
        return (blocks.filter { index(it) != index(block) } + block).sortedBy(index)
    }

    companion object {
        const val SCHEMA = "edgebench.result/4"

        /** The result in `text`, or an empty one without it. Throws [InvalidDocument] if it is another plan's. */
        fun open(text: String?, planSha256: String, file: File): Result {
            if (text == null) return Result(empty(planSha256), file)
            val root = document(text, "result.json", SCHEMA)
            if (root["plan_sha256"].text() != planSha256) throw InvalidDocument("result.json belongs to another plan")
            root["evaluations"].map { if (json !is JsonObject) fail("an object") }
            root["blocks"].list { get("index").int() }
            return Result(root.json as JsonObject, file)
        }

        private fun empty(planSha256: String) = jsonOf(
            "schema" to SCHEMA,
            "plan_sha256" to planSha256,
            "started" to now(),
            "updated" to now(),
            "complete" to false,
            "context" to null,
            "start_temperatures_c" to null,
            "cooled_s" to 0.0,
            "evaluations" to emptyMap<String, Any>(),
            "blocks" to emptyList<Any>(),
        )
    }
}

/** Whether an evaluation or a block failed. */
val JsonObject.failed get() = (this["error"] ?: JsonNull) !is JsonNull

/** The object with `complete`, as a change. */
fun completed(complete: Boolean) = JsonObject(mapOf("complete" to JsonBoolean(complete)))

/** Replace a file at once, or not at all. */
internal fun replace(file: File, text: String) {
    val part = File(file.path + ".part")
    part.outputStream().use {
        it.write(text.toByteArray())
        it.fd.sync()
    }
    if (!part.renameTo(file)) throw java.io.IOException("cannot write $file")
}

private fun now(): String = SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'Z'", Locale.ROOT)
    .apply { timeZone = TimeZone.getTimeZone("UTC") }
    .format(Date())
