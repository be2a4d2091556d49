package org.edgebench.jvm

import org.edgebench.core.run.CONTRACT
import org.edgebench.core.run.Start
import java.io.File
import java.util.ServiceLoader

/**
 * One start of the app on this machine, for tests: the folder of the run, that of all own folders, and that in which
 * files say how to fail. LiteRT's library and its version are the properties `litert` and `litert.version`.
 */
fun main(words: Array<String>) {
    val (run, own, here) = words.map(::File)
    val folder = File(own, run.name)
    val failures = Failures(here, folder)
    val litert = LiteRtRuntime(System.getProperty("litert"), System.getProperty("litert.version"))
    val runtimes = listOf(litert) + ServiceLoader.load(org.edgebench.core.run.Runtime::class.java)
    val start = Start(run, folder, "0.1.0", runtimes, JvmMachine(), failures)
    failures.start = start
    start.execute(CONTRACT)
    // Threads of the runtime would keep the process alive.
    Runtime.getRuntime().halt(0)
}
