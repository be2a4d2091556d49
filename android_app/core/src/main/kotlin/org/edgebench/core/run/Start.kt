package org.edgebench.core.run

import org.edgebench.core.document.Changes
import org.edgebench.core.document.Plan
import org.edgebench.core.document.PlannedBlock
import org.edgebench.core.document.Result
import org.edgebench.core.document.completed
import org.edgebench.core.document.failed
import org.edgebench.core.document.readPlan
import org.edgebench.core.document.sha256
import org.edgebench.core.json.InvalidDocument
import org.edgebench.core.json.JsonNull
import org.edgebench.core.json.JsonObject
import org.edgebench.core.json.JsonString
import org.edgebench.core.json.jsonOf
import java.io.File
import java.io.IOException

/** The contract that this core follows; docs/app-contract.md describes it. */
const val CONTRACT = "edgebench.app/3"

/** Who wants to know what a start is doing: the screen, or a test. */
interface Watcher {
    /** A job begins; `about` is its slot or the index of its block. */
    fun begins(kind: String, about: String) {}

    /** So much of the plan's steps of one kind is done. */
    fun progress(event: String, done: Int, total: Int) {}
}

/**
 * One start of the app: one job of the plan, in this process.
 *
 * `run` is the host's folder and `own` the app's own, which is made here.
 */
class Start(
    private val run: File,
    private val own: File,
    private val app: String,
    private val runtimes: List<Runtime>,
    private val machine: Machine,
    private val watcher: Watcher = object : Watcher {},
) {
    /** The channel to the host; another thread may end it with `stopped`. */
    val changes: Changes = Changes(File(own.apply { mkdirs() }, "changes.jsonl"))

    /** Do the first job that is left. Whatever goes wrong is told to the host. */
    fun execute(contract: String?) {
        changes.hello(CONTRACT, app, runtimes.map { it.format })
        try {
            if (contract != CONTRACT) throw RunnerError("it follows $CONTRACT, and was asked for $contract")
            val text = planFile.takeIf(File::exists)?.readBytes() ?: throw RunnerError("there is no plan.json in $run")
            Jobs(readPlan(String(text)), openResult(sha256(text))).next()
        } catch (error: RunnerError) {
            changes.end("failed", error.sentence())
        } catch (error: InvalidDocument) {
            changes.end("failed", error.sentence())
        } catch (error: IOException) {
            changes.end("failed", "the phone cannot keep the results: ${error.sentence()}")
        }
    }

    private val planFile get() = File(run, "plan.json")

    private fun openResult(planSha256: String): Result {
        val text = File(run, "result.json").takeIf(File::exists)?.readText()
        return Result.open(text, planSha256, File(own, "result.json"))
    }

    private inner class Jobs(private val plan: Plan, private val result: Result) {
        private val evaluator = Evaluator(plan, Files(File(run, "../../files")), runtimes)

        fun next() {
            if (!result.hasContext) change(jsonOf("context" to context()))
            val slot = plan.artifacts.keys.firstOrNull { it !in result.evaluations }
            val blocks = nextBlocks()
            val unprofiled = result.evaluations.entries.firstOrNull { (_, one) -> !one.failed && one["profile"] == null }
            when {
                slot != null -> evaluate(slot)
                result.evaluations.isNotEmpty() && result.evaluations.values.all { it.failed } -> return allFailed()
                blocks.isNotEmpty() -> measure(blocks)
                plan.profile && unprofiled != null -> profile(unprofiled.key, unprofiled.value)
                else -> return finish()
            }
            changes.end("again")
        }

        private fun nextBlocks() = (0 until plan.processes).map { process ->
            plan.blocks.filter { it.process == process && it.index !in result.doneBlocks }
        }.firstOrNull { it.isNotEmpty() }.orEmpty()

        private fun evaluate(slot: String) {
            begin("evaluate", "slot" to slot)
            val found = pinned { evaluator.evaluate(slot, own) }
            change(jsonOf("evaluations" to mapOf(slot to found.entry)), found)
            event("evaluate", result.evaluations.size, plan.artifacts.size)
        }

        /** On the plan's cores, or with the reason why not. */
        private fun pinned(evaluate: () -> Evaluated): Evaluated = try {
            plan.cores?.let(machine::pin)
            evaluate()
        } catch (error: RunnerError) {
            Evaluated(jsonOf("error" to error.sentence()))
        }

        private fun measure(blocks: List<PlannedBlock>) {
            plan.cores?.let(machine::pin)
            machine.raisePriority()
            val failed = result.evaluations.filterValues { it.failed }.keys
            val measurer = Measurer(plan, evaluator, machine)
            for (block in blocks) {
                begin("block", "index" to block.index)
                change(jsonOf("block" to measurer.measure(block, failed)))
                event("block", result.doneBlocks.size, plan.blocks.size)
            }
        }

        private fun profile(slot: String, evaluation: JsonObject) {
            begin("profile", "slot" to slot)
            plan.cores?.let(machine::pin)
            val found = try {
                evaluator.opened(slot).use(Engine::profile)
            } catch (_: Exception) {
                null // A profiler that fails costs nothing but its profile.
            }
            change(jsonOf("evaluations" to mapOf(slot to evaluation.with("profile" to (found ?: JsonNull)))))
            val running = result.evaluations.values.filter { !it.failed }
            event("profile", running.count { it["profile"] != null }, running.size)
        }

        private fun finish() {
            change(completed((result.evaluations.values + result.blocks).none { it.failed }))
            changes.end("done")
        }

        private fun allFailed() {
            val first = result.evaluations.values.first()["error"] as JsonString
            changes.end("failed", "no artifact could be run: ${first.text}")
        }

        private fun context(): JsonObject {
            val coreCount = java.lang.Runtime.getRuntime().availableProcessors() // Before it is pinned.
            plan.cores?.let { cores ->
                try {
                    machine.pin(cores)
                } catch (_: RunnerError) {
                    // Every evaluation says so.
                }
            }
            val planned = plan.artifacts.values.map { it.format }
            return jsonOf(
                "runtimes" to runtimes.filter { it.format in planned }.associate { it.format to jsonOf("name" to it.name, "version" to it.version) },
                "python" to null,
                "numpy" to null,
                "system" to machine.system,
                "kernel" to machine.kernel,
                "machine" to machine.architecture,
                "cpu_model" to machine.processor,
                "core_count" to coreCount,
                "cores" to machine.allowedCores(),
                "threads" to plan.threads,
                "delegate" to plan.delegate,
            )
        }

        private fun begin(kind: String, about: Pair<String, Any>) {
            changes.begin(kind, about)
            watcher.begins(kind, about.second.toString())
        }

        private fun change(change: JsonObject, evaluated: Evaluated? = null) {
            result.apply(change)
            changes.change(change, evaluated?.files.orEmpty())
        }

        private fun event(name: String, done: Int, total: Int) {
            changes.event(name, done, total)
            watcher.progress(name, done, total)
        }
    }
}
