package org.edgebench.core.document

import java.io.File
import java.io.InputStream
import java.security.MessageDigest

/** SHA-256 of bytes, in hex. */
fun sha256(bytes: ByteArray): String = hex(MessageDigest.getInstance("SHA-256").digest(bytes))

/** SHA-256 of a file, in hex. */
fun sha256(file: File): String = file.inputStream().use(::sha256)

private fun sha256(stream: InputStream): String {
    val digest = MessageDigest.getInstance("SHA-256")
    val part = ByteArray(1 shl 16)
    while (true) {
        val count = stream.read(part)
        if (count < 0) return hex(digest.digest())
        digest.update(part, 0, count)
    }
}

private fun hex(bytes: ByteArray) = bytes.joinToString("") { "%02x".format(it) }
