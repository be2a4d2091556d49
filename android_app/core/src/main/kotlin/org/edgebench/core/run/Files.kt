package org.edgebench.core.run

import org.edgebench.core.document.sha256
import java.io.File
import java.io.IOException

/** The files that a plan names by content. */
class Files(private val folder: File) {
    /** A file, if it is the one of that hash. Throws [RunnerError]. */
    fun checked(name: String, sha256: String): File {
        val file = File(folder, name)
        val found = try {
            sha256(file)
        } catch (error: IOException) {
            throw RunnerError("cannot read $file: ${error.sentence()}")
        }
        if (found != sha256) throw RunnerError("$file has changed since the plan was made")
        return file
    }
}
