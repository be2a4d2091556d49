package org.edgebench.core.run

import org.edgebench.core.document.KeptOutput
import org.edgebench.core.document.OutputFile
import org.edgebench.core.document.sha256
import org.edgebench.core.tensor.NpyHeader
import org.edgebench.core.tensor.Reducer
import org.edgebench.core.tensor.ShapeMismatch
import org.edgebench.core.tensor.Values
import org.edgebench.core.tensor.text
import java.io.File
import java.io.FileOutputStream
import java.nio.ByteOrder

/**
 * What is kept of the outputs of one slot, written image by image.
 *
 * The files stand under their names once [finish] was called; [close] removes those that were not finished.
 */
class KeptOutputs(
    private val kept: List<KeptOutput>,
    private val folder: File,
    slot: String,
    private val images: Int,
) : AutoCloseable {
    /** The path of each role's file in the folder. */
    val names = kept.associate { it.role to "outputs/$slot/${quoted(it.role)}.npy" }

    private val files = LinkedHashMap<String, FileOutputStream>()
    private var added = 0

    init {
        for (one in kept) {
            val part = part(one.role)
            part.parentFile!!.mkdirs()
            val file = FileOutputStream(part)
            files[one.role] = file
            val shape = intArrayOf(images) + one.reduction.shape
            file.write(NpyHeader(Reducer.typeOf(one.reduction), ByteOrder.LITTLE_ENDIAN, shape).bytes())
        }
    }

    /** Add one image. Throws [RunnerError] for values that are not finite or do not fit the plan. */
    fun add(output: (KeptOutput) -> Values) {
        val raw = LinkedHashMap<String, Values>()
        for (one in kept) {
            if (one.output in raw) continue
            raw[one.output] = output(one).also { requireFinite(one.output, it, " for image $added") }
        }
        try {
            val onnx = kept.associate { it.output to raw.getValue(it.output).transposed(inverse(it.axes)) }
            for (one in kept) {
                val values = Reducer.reduce(one.reduction, one.output, onnx)
                files.getValue(one.role).write(Reducer.bytes(values, Reducer.typeOf(one.reduction)))
            }
        } catch (error: ShapeMismatch) {
            val shapes = raw.entries.joinToString { (name, one) -> "$name ${one.shape.text()}" }
            throw RunnerError("the plan does not fit the outputs $shapes: ${error.message}")
        }
        added++
    }

    /** Flush the files and give them their names. */
    fun finish() {
        check(added == images) { "there are outputs of $added images, not of $images" }
        for ((role, file) in files) {
            file.fd.sync()
            file.close()
            if (!part(role).renameTo(target(role))) throw RunnerError("cannot write ${target(role)}")
        }
        files.clear()
    }

    /** What the host is told of the finished files, by path. */
    fun described(): Map<String, OutputFile> =
        names.entries.associate { (role, name) -> name to target(role).let { OutputFile(sha256(it), it.length()) } }

    override fun close() {
        for ((role, file) in files) {
            file.close()
            part(role).delete()
        }
    }

    private fun target(role: String) = File(folder, names.getValue(role))

    private fun part(role: String) = File(target(role).path + ".part")
}

/** Axis i of the file's output is axis `axes[i]` of ONNX's: the axes of the way back. */
private fun inverse(axes: IntArray) = IntArray(axes.size).also { back -> axes.forEachIndexed { place, axis -> if (axis in back.indices) back[axis] = place } }

/** Throws [RunnerError] for NaN or infinity. */
fun requireFinite(name: String, values: Values, where: String = "") {
    if (values is Values.Longs) return
    val bad = (0 until values.size).count { !values.double(it).isFinite() }
    if (bad > 0) throw RunnerError("$bad of ${values.size} values of the output $name are not finite (NaN or infinity)$where")
}

/** A role as part of a path: as in a URL (RFC 3986), nothing reserved. */
internal fun quoted(role: String): String = role.toByteArray().joinToString("") {
    val one = it.toInt() and 0xFF
    if (one.toChar() in SAFE) one.toChar().toString() else "%%%02X".format(one)
}

private const val SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
