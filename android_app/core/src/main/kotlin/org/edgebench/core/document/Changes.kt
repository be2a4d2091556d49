package org.edgebench.core.document

import org.edgebench.core.json.JsonObject
import org.edgebench.core.json.jsonOf
import org.edgebench.core.json.write
import java.io.File
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.channels.FileChannel

/** The lines of `changes.jsonl`, which the host follows; each is written whole and at once. */
class Changes(file: File) : AutoCloseable {
    private val channel: FileChannel
    private var ended = false

    init {
        val opened = RandomAccessFile(file, "rw")
        val length = opened.length()
        opened.seek(maxOf(length - 1, 0))
        val cutShort = length > 0 && opened.read() != '\n'.code
        opened.seek(length)
        channel = opened.channel
        if (cutShort) write("\n")
    }

    /** `formats` are those of the files that this app can run. */
    fun hello(contract: String, app: String, formats: List<String>) =
        send("hello" to jsonOf("contract" to contract, "app" to app, "formats" to formats))

    /** The next job; [about] is its slot or its index. */
    fun begin(kind: String, about: Pair<String, Any>) = send("begin" to jsonOf("kind" to kind, about))

    /** A part of the result, and the files that it names for the first time. */
    fun change(change: JsonObject, files: Map<String, OutputFile> = emptyMap()) {
        val listed = files.mapValues { (_, one) -> jsonOf("sha256" to one.sha256, "size_bytes" to one.sizeBytes) }
        send("change" to change, "files" to listed)
    }

    fun event(name: String, done: Int, total: Int) = send("event" to name, "done" to done, "total" to total)

    /** The last line. What comes after it, from another thread, is not written. */
    @Synchronized
    fun end(status: String, reason: String? = null) {
        send("end" to jsonOf("status" to status, "reason" to reason))
        ended = true
    }

    private fun send(vararg fields: Pair<String, Any?>) = write(jsonOf(*fields).write() + "\n")

    @Synchronized
    private fun write(text: String) {
        if (ended) return
        val bytes = ByteBuffer.wrap(text.toByteArray())
        while (bytes.hasRemaining()) channel.write(bytes)
        channel.force(false)
    }

    override fun close() = channel.close()
}

/** What the host checks of a file of outputs. */
class OutputFile(val sha256: String, val sizeBytes: Long)
