package org.edgebench.jvm

import org.edgebench.core.run.Start
import org.edgebench.core.run.Watcher
import java.io.File

/** Ways to fail, each asked for by a file of its name in a folder; `crash at` happens each time, the others once. */
class Failures(private val here: File, private val own: File) : Watcher {
    lateinit var start: Start
    private var job = ""

    override fun begins(kind: String, about: String) {
        job = "$kind $about"
        when {
            File(here, "crash at $job").exists() || once("crash once at $job") -> halt()
            once("cut short at $job") -> {
                File(own, "changes.jsonl").appendText("{\"change\": {\"block\": {\"ind")
                halt()
            }
            once("hang at $job") -> Thread.sleep(3_600_000)
            once("background at $job") -> {
                start.changes.end("stopped", "it was put in the background")
                halt()
            }
        }
    }

    override fun progress(event: String, done: Int, total: Int) {
        val slot = job.substringAfter(' ')
        if (event != "evaluate" || !once("damage outputs of $slot")) return
        File(own, "outputs/$slot").listFiles().orEmpty().forEach { it.writeText("damaged") }
    }

    private fun once(name: String) = File(here, name).delete()

    private fun halt() = Runtime.getRuntime().halt(137)
}
