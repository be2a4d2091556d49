package org.edgebench.core.tensor

import org.edgebench.core.json.InvalidDocument
import org.edgebench.core.run.RunnerError
import java.io.DataInputStream
import java.io.EOFException
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.util.zip.ZipFile

/** An array (N, ...) of an .npz file, read row by row: it may be larger than the memory. */
class StoredArray(private val file: File, private val name: String, private val row: String) : AutoCloseable {
    private val archive = reading { ZipFile(file) }
    private val stream: DataInputStream
    private val bytes: ByteArray

    /** The type and shape of the whole. */
    val header: NpyHeader

    init {
        try {
            val member = archive.getEntry("$name.npy") ?: throw unreadable("there is no $name.npy in the archive")
            stream = DataInputStream(archive.getInputStream(member).buffered())
            header = reading { NpyHeader.read(stream) }
            if (header.shape.isEmpty()) throw unreadable("$name.npy has no rows")
        } catch (error: Exception) {
            archive.close()
            throw error
        }
        bytes = ByteArray(rowShape.product() * header.type.bytes)
    }

    val count get() = header.shape[0]

    private val rowShape get() = header.shape.copyOfRange(1, header.shape.size)

    /** The next row. Throws [RunnerError] where the file ends within it. */
    fun next(): Values {
        nextBytes()
        return readElements(ByteBuffer.wrap(bytes).order(header.order), header.type, rowShape)
    }

    /** The bytes of the next row, in a buffer that the next call fills again. */
    fun nextBytes(): ByteArray {
        try {
            stream.readFully(bytes)
        } catch (error: EOFException) {
            throw RunnerError("$file ends within its ${row}s")
        } catch (error: IOException) {
            throw unreadable(error.message)
        }
        return bytes
    }

    override fun close() = archive.close()

    private fun <T> reading(read: () -> T): T = try {
        read()
    } catch (error: IOException) {
        throw unreadable(error.message)
    } catch (error: InvalidDocument) {
        throw unreadable(error.message)
    }

    private fun unreadable(reason: String?) = RunnerError("$file has no ${row}s that can be read ($reason)")
}
