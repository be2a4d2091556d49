package org.edgebench.core

import org.edgebench.core.document.sha256
import org.edgebench.core.json.Fields
import org.edgebench.core.json.Json
import org.edgebench.core.json.JsonNull
import org.edgebench.core.json.JsonObject
import org.edgebench.core.json.jsonOf
import org.edgebench.core.json.readJson
import org.edgebench.core.json.write
import org.edgebench.core.run.CONTRACT
import org.edgebench.core.run.Machine
import org.edgebench.core.run.Start
import org.edgebench.core.run.Watcher
import org.edgebench.core.tensor.StoredArray
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import java.io.File
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream

/** Whole starts, with toys for models. The host is played by copying the result back. */
class StartTest {
    @get:Rule
    val temporary = TemporaryFolder()
    private val run by lazy { temporary.newFolder("home", "runs", "r") }
    private val own by lazy { File(temporary.root, "own") }
    private val runtime = ToyRuntime()

    private fun file(content: ByteArray, extension: String): Pair<String, String> {
        val digest = sha256(content)
        File(run, "../../files").apply { mkdirs() }.let { File(it, "$digest.$extension").writeBytes(content) }
        return "$digest.$extension" to digest
    }

    private fun npz(name: String, npy: ByteArray): ByteArray {
        val file = File(temporary.root, "made.npz")
        ZipOutputStream(file.outputStream()).use {
            it.putNextEntry(ZipEntry("$name.npy"))
            it.write(npy)
        }
        return file.readBytes()
    }

    private val images by lazy { npz("images", header("|u1", "(3, 2, 2, 3)") + ByteArray(36) { it.toByte() }) }

    private fun header(type: String, shape: String): ByteArray {
        val text = "{'descr': '$type', 'fortran_order': False, 'shape': $shape, }".padEnd(117) + "\n"
        return byteArrayOf(0x93.toByte()) + "NUMPY".toByteArray() + byteArrayOf(1, 0, 118, 0) + text.toByteArray()
    }

    private fun artifact(toy: String, evaluated: Boolean): JsonObject {
        val format = if (toy == "foreign") "onnx" else "tflite"
        val (name, digest) = file(toy.toByteArray(), format)
        return jsonOf("key" to toy, "file" to name, "sha256" to digest, "format" to format, "evaluation" to if (evaluated) evaluation() else null)
    }

    private fun evaluation(): JsonObject {
        val (name, digest) = file(images, "npz")
        fun kept(role: String, index: Int, axes: IntArray, vararg shape: Int) = jsonOf(
            "role" to role, "output" to "o$index", "name" to "n", "index" to index, "axes" to axes,
            "reduction" to jsonOf("kind" to "identity", "source" to shape, "shape" to shape, "dtype" to "float32"),
        )
        return jsonOf(
            "file" to name, "sha256" to digest, "mean" to listOf(0, 0, 0), "std" to listOf(1, 1, 1), "axes" to listOf(0, 2, 3, 1),
            "outputs" to listOf(kept("a sum", 0, intArrayOf(0, 1), 1), kept("twice", 1, intArrayOf(0, 2, 3, 1), 3, 2, 2)),
            "arrays" to emptyList<Json>(),
        )
    }

    private fun plan(toys: List<String>, cores: List<Int>? = null, profile: Boolean = false, evaluated: Boolean = false, images: Int? = null) {
        val text = jsonOf(
            "schema" to "edgebench.plan/4", "id" to "t", "seed" to 0, "threads" to 1, "cores" to cores, "delegate" to "xnnpack",
            "artifacts" to toys.associateWith { artifact(it, evaluated) },
            "groups" to listOf(
                jsonOf("name" to "g", "baseline" to toys[0], "slots" to toys, "turn" to jsonOf("samples" to 3, "dropped" to 1, "batch" to 2)),
            ),
            "processes" to 2, "first_look" to 2,
            "blocks" to (0..2).map { jsonOf("index" to it, "process" to it / 2, "group" to "g", "order" to toys + toys.reversed()) },
            "warmup" to jsonOf("window" to 2, "tolerance" to 1e9, "max_s" to 1.0),
            "profile" to profile, "cooldown" to null, "images" to images, "not yet known" to 1,
        ).write()
        File(run, "plan.json").writeText(text)
    }

    private fun start(machine: Machine = ToyMachine(), contract: String = CONTRACT, watcher: Watcher = object : Watcher {}): List<JsonObject> {
        val changes = File(own, "changes.jsonl")
        val before = if (changes.exists()) changes.readLines().size else 0
        Start(run, own, "0.1.0", listOf(runtime), machine, watcher).execute(contract)
        File(own, "result.json").takeIf(File::exists)?.copyTo(File(run, "result.json"), overwrite = true)
        return changes.readLines().drop(before).map { readJson(it) as JsonObject }
    }

    private fun kinds(lines: List<JsonObject>) = lines.map { it.fields.keys.first() }

    private fun end(lines: List<JsonObject>) = Fields(lines.last(), "line")["end"].run { get("status").text() to get("reason").orNull { text() } }

    private fun result() = Fields(readJson(File(own, "result.json").readText()), "result")

    @Test
    fun aRunIsDoneInAsManyStartsAsItHasJobs() {
        plan(listOf("plain", "attention"), profile = true)
        val starts = generateSequence { start() }.take(7).toList()
        assertEquals(listOf("hello", "change", "begin", "change", "event", "end"), kinds(starts[0]))
        assertEquals(listOf("hello", "begin", "change", "event", "end"), kinds(starts[1]))
        assertEquals(listOf("hello") + List(2) { listOf("begin", "change", "event") }.flatten() + "end", kinds(starts[2]))
        assertEquals(listOf("evaluate", "evaluate", "block", "block", "profile", "profile"), starts.take(6).map { lines -> Fields(lines.first { "begin" in it.fields }, "l")["begin"]["kind"].text() })
        assertEquals(List(6) { "again" } + "done", starts.map { end(it).first })
        assertTrue(result()["complete"].flag())
        assertEquals(JsonNull, (result()["evaluations"]["plain"].json as JsonObject)["profile"])
        val turns = result()["blocks"].list { get("turns").list { this } }[0]
        assertEquals(listOf("plain", "attention", "attention", "plain"), turns.map { it["slot"].text() })
        assertEquals(listOf(1, 2, 2), listOf("dropped_ns", "samples_ns", "cpu_ns").map { turns[0][it].list { long() }.size })
    }

    @Test
    fun aBlockLoadsItsModelsAfreshInTheOrderOfTheirFirstTurns() {
        plan(listOf("plain", "attention"))
        repeat(2) { start() }
        runtime.log.clear()
        start()
        val (plain, attention) = List(4) { "plain" } to List(4) { "attention" }
        val turn = { name: String -> List(6) { name } }
        val block = listOf("open plain", "open attention") + plain + attention +
            turn("plain") + turn("attention") + turn("attention") + turn("plain") + "close plain" + "close attention"
        assertEquals(block + block, runtime.log)
    }

    @Test
    fun severalOutputsAreKeptAndReadAgain() {
        plan(listOf("plain", "attention"), evaluated = true, images = 2)
        val lines = start()
        val change = Fields(lines.first { "change" in it.fields && "evaluations" in (it["change"] as JsonObject).fields }, "line")
        val files = change["files"].map { get("sha256").text() to get("size_bytes").long() }
        assertEquals(setOf("outputs/plain/a%20sum.npy", "outputs/plain/twice.npy"), files.keys)
        for ((name, described) in files) {
            val file = File(own, name)
            assertEquals(described, sha256(file) to file.length())
        }
        val zipped = File(temporary.root, "check.npz").apply { writeBytes(npz("twice", File(own, "outputs/plain/twice.npy").readBytes())) }
        StoredArray(zipped, "twice", "row").use { stored ->
            assertArrayEquals(intArrayOf(2, 3, 2, 2), stored.header.shape)
            stored.next()
            // The second image: bytes 12..23 in NHWC, here in NCHW and doubled.
            val wanted = listOf(12, 15, 18, 21, 13, 16, 19, 22, 14, 17, 20, 23).map { 2f * (it / 255f) }
            assertArrayEquals(wanted.map { it.toDouble() }.toDoubleArray(), stored.next().doubles(), 1e-6)
        }
    }

    @Test
    fun aModelThatDoesNotRunCostsOnlyItself() {
        plan(listOf("plain", "attention", "nan"))
        val starts = generateSequence { start() }.take(6).toList()
        assertEquals("done", end(starts.last()).first)
        assertFalse(result()["complete"].flag())
        assertTrue(result()["evaluations"]["nan"]["error"].text().contains("not finite"))
        assertEquals(setOf("plain", "attention"), result()["blocks"].list { get("turns").list { get("slot").text() } }.flatten().toSet())
    }

    @Test
    fun aFormatWithoutAnEngineIsAnErrorThatSaysWhatTheAppWasBuiltFor() {
        plan(listOf("plain", "foreign"))
        val hello = Fields(start().first(), "line")["hello"]
        assertEquals(listOf("tflite"), hello["formats"].list { text() })
        start()
        assertEquals("this app cannot run onnx files; it was built for tflite", result()["evaluations"]["foreign"]["error"].text())
        assertEquals(setOf("tflite"), result()["context"]["runtimes"].map { get("name").text() }.keys)
    }

    @Test
    fun anEvaluationThatWasStoppedHalfWayIsRepeated() {
        plan(listOf("plain", "attention"), evaluated = true)
        var stopped: Start? = null
        val watcher = object : Watcher {
            override fun begins(kind: String, about: String) = stopped!!.changes.end("stopped", "the screen was locked")
        }
        stopped = Start(run, own, "0.1.0", listOf(runtime), ToyMachine(), watcher)
        stopped.execute(CONTRACT)
        val told = File(own, "changes.jsonl").readLines().map { readJson(it) as JsonObject }
        assertEquals(listOf("hello", "change", "begin", "end"), kinds(told))
        // The host was told of no evaluation, so its result has none.
        assertFalse(File(run, "result.json").exists())
        val again = start()
        assertEquals("plain", Fields(again.first { "begin" in it.fields }, "line")["begin"]["slot"].text())
        assertEquals(setOf("plain"), (result()["evaluations"].json as JsonObject).fields.keys)
        assertTrue(File(own, "outputs/plain").list()!!.none { it.endsWith(".part") })
    }

    @Test
    fun aBaselineThatDoesNotRunFailsItsBlocks() {
        plan(listOf("broken", "plain"))
        repeat(4) { start() }
        assertEquals(List(3) { "the baseline broken does not run" }, result()["blocks"].list { get("error").text() })
        plan(listOf("broken"))
        File(run, "result.json").delete()
        start()
        File(run, "result.json").writeText(File(own, "result.json").readText())
        assertEquals("failed" to "no artifact could be run: the toy is broken", end(start()))
    }

    @Test
    fun coresThatCannotBeHadAreAnErrorOfEveryEvaluation() {
        plan(listOf("plain"), cores = listOf(7))
        start()
        assertEquals("cannot run on cores [7]", result()["evaluations"]["plain"]["error"].text())
        plan(listOf("plain"), cores = listOf(1))
        File(run, "result.json").delete()
        start()
        assertTrue(result()["evaluations"]["plain"]["error"].isNull)
        assertEquals(listOf(1), result()["context"]["cores"].ints().toList())
    }

    @Test
    fun withoutAClockOfTheCpuItsTimesAreNull() {
        plan(listOf("plain", "attention"))
        repeat(3) { start(ToyMachine(cpuClock = null)) }
        assertTrue(result()["blocks"].list { get("turns").list { get("cpu_ns").isNull } }.flatten().all { it })
    }

    @Test
    fun aChangedFileIsNotMeasured() {
        plan(listOf("plain", "attention"))
        File(run, "../../files").listFiles()!!.first { it.readText() == "plain" }.writeText("other")
        start()
        assertTrue(result()["evaluations"]["plain"]["error"].text().endsWith("has changed since the plan was made"))
    }

    @Test
    fun whatCannotBeReadIsSaid() {
        assertEquals("failed" to "there is no plan.json in $run", end(start()))
        File(run, "plan.json").writeText("""{"schema": "edgebench.plan/9"}""")
        assertEquals("plan.json is of the schema edgebench.plan/9, this app reads edgebench.plan/4", end(start()).second)
        plan(listOf("plain"))
        assertEquals("it follows $CONTRACT, and was asked for edgebench.app/9", end(start(contract = "edgebench.app/9")).second)
        File(run, "result.json").writeText("""{"schema": "edgebench.result/4", "plan_sha256": "another"}""")
        assertEquals("result.json belongs to another plan", end(start()).second)
    }

    @Test
    fun nothingIsWrittenAfterTheEnd() {
        plan(listOf("plain", "attention"))
        repeat(2) { start() }
        var stopped: Start? = null
        val watcher = object : Watcher {
            override fun begins(kind: String, about: String) {
                if (about == "1") stopped!!.changes.end("stopped", "the app was put in the background")
            }
        }
        val before = File(own, "changes.jsonl").readLines().size
        stopped = Start(run, own, "0.1.0", listOf(runtime), ToyMachine(), watcher)
        stopped.execute(CONTRACT)
        val lines = File(own, "changes.jsonl").readLines().drop(before).map { readJson(it) as JsonObject }
        assertEquals(listOf("hello", "begin", "change", "event", "begin", "end"), kinds(lines))
        assertEquals("stopped" to "the app was put in the background", end(lines))
    }

    @Test
    fun aLineThatWasCutShortIsLeftBehind() {
        own.mkdirs()
        File(own, "changes.jsonl").writeText("{\"change\": {")
        start()
        assertEquals("{\"change\": {", File(own, "changes.jsonl").readLines()[0])
        assertEquals(listOf("hello", "end"), File(own, "changes.jsonl").readLines().drop(1).map { (readJson(it) as JsonObject).fields.keys.first() })
    }
}
