package org.edgebench.core.tensor

import org.edgebench.core.json.InvalidDocument
import java.io.DataInputStream
import java.io.EOFException
import java.nio.ByteOrder

/** What stands before the data of an .npy file: its type, its byte order and its shape, in the order of C. */
class NpyHeader(val type: ElementType, val order: ByteOrder, val shape: IntArray) {
    /** The header of a file that is written, in little-endian; a multiple of 64 bytes. */
    fun bytes(): ByteArray {
        val sides = if (shape.size == 1) "${shape[0]}," else shape.joinToString(", ")
        val code = CODES.entries.first { it.value == type }.key
        val mark = if (type.bytes == 1) '|' else '<'
        val text = "{'descr': '$mark$code', 'fortran_order': False, 'shape': ($sides), }"
        val length = (MAGIC.size + 4 + text.length + 1 + 63) / 64 * 64 - MAGIC.size - 4
        val start = MAGIC + byteArrayOf(1, 0, length.toByte(), (length shr 8).toByte())
        return start + (text.padEnd(length - 1) + "\n").toByteArray(Charsets.ISO_8859_1)
    }

    companion object {
        private val MAGIC = byteArrayOf(0x93.toByte(), 'N'.code.toByte(), 'U'.code.toByte(), 'M'.code.toByte(), 'P'.code.toByte(), 'Y'.code.toByte())
        private val CODES = mapOf(
            "f4" to ElementType.FLOAT32, "f2" to ElementType.FLOAT16, "f8" to ElementType.FLOAT64,
            "i1" to ElementType.INT8, "u1" to ElementType.UINT8, "i2" to ElementType.INT16, "u2" to ElementType.UINT16,
            "i4" to ElementType.INT32, "u4" to ElementType.UINT32, "i8" to ElementType.INT64, "b1" to ElementType.BOOL,
        )
        private val DESCR = Regex("'descr':\\s*'([<>|=])([a-z][0-9]+)'")
        private val ORDER = Regex("'fortran_order':\\s*(True|False)")
        private val SHAPE = Regex("'shape':\\s*\\(([0-9, ]*)\\)")

        /** Read a header, of the format's version 1 or 2. Throws [InvalidDocument] and [EOFException]. */
        fun read(from: DataInputStream): NpyHeader {
            val start = ByteArray(MAGIC.size + 2).also(from::readFully)
            if (!start.copyOf(MAGIC.size).contentEquals(MAGIC)) throw InvalidDocument("not an .npy file")
            val version = start[MAGIC.size].toInt()
            val size = ByteArray(if (version == 1) 2 else 4).also(from::readFully)
            val length = size.foldRight(0) { byte, all -> (all shl 8) or (byte.toInt() and 0xFF) }
            if (length !in 1..1_000_000) throw InvalidDocument("an .npy file with a header of $length bytes")
            return parse(String(ByteArray(length).also(from::readFully), Charsets.UTF_8))
        }

        private fun parse(text: String): NpyHeader {
            val (mark, code) = DESCR.find(text)?.destructured ?: throw InvalidDocument("an .npy file of another kind: ${text.trim()}")
            val type = CODES[code] ?: throw InvalidDocument("an .npy file of the type $code")
            if (ORDER.find(text)?.groupValues?.get(1) != "False") throw InvalidDocument("an .npy file by columns")
            val sides = SHAPE.find(text)?.groupValues?.get(1) ?: throw InvalidDocument("an .npy file without a shape")
            val shape = sides.split(',').map { it.trim() }.filter { it.isNotEmpty() }.map { it.toInt() }
            return NpyHeader(type, if (mark == ">") ByteOrder.BIG_ENDIAN else ByteOrder.LITTLE_ENDIAN, shape.toIntArray())
        }
    }
}
