package org.edgebench.jvm

import com.sun.jna.Function
import com.sun.jna.Memory
import com.sun.jna.NativeLibrary
import com.sun.jna.Pointer
import com.sun.jna.ptr.PointerByReference
import org.edgebench.core.run.RunnerError

/** Calls of LiteRT's C interface (litert/c/), each of which returns a status, 0 for success. */
class LiteRt(library: String) {
    private val loaded = NativeLibrary.getInstance(library)

    fun function(name: String): Function = loaded.getFunction(name)

    fun call(name: String, vararg arguments: Any?) {
        val status = function(name).invokeInt(arguments)
        if (status != 0) throw RunnerError("$name failed with status $status")
    }

    /** Call a function whose last argument takes the pointer that it makes. */
    fun made(name: String, vararg arguments: Any?): Pointer {
        val made = PointerByReference()
        call(name, *arguments, made)
        return made.value
    }

    /** Call a function whose last argument takes a number. */
    fun number(name: String, vararg arguments: Any?): Long {
        val number = Memory(8).apply { clear() }
        call(name, *arguments, number)
        return number.getLong(0)
    }

    fun text(name: String, vararg arguments: Any?): String = made(name, *arguments).getString(0)

    /** Use the memory of a buffer. `mode` is LiteRtTensorBufferLockMode: 0 to read, 1 to write. */
    fun locked(buffer: Pointer, mode: Int, use: (Pointer) -> Unit) {
        val address = PointerByReference()
        call("LiteRtLockTensorBuffer", buffer, address, mode)
        try {
            use(address.value)
        } finally {
            call("LiteRtUnlockTensorBuffer", buffer)
        }
    }
}
