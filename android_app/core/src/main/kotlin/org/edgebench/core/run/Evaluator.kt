package org.edgebench.core.run

import org.edgebench.core.document.OutputFile
import org.edgebench.core.document.Plan
import org.edgebench.core.document.PlannedArtifact
import org.edgebench.core.json.JsonObject
import org.edgebench.core.json.jsonOf
import org.edgebench.core.tensor.ShapeMismatch
import org.edgebench.core.tensor.Values
import java.io.File

/** What an evaluation gives: the entry of the result, and the files that it names. */
class Evaluated(val entry: JsonObject, val files: Map<String, OutputFile> = emptyMap())

/** Loads one artifact and runs its evaluation inputs. */
class Evaluator(private val plan: Plan, private val files: Files, private val runtimes: List<Runtime>) {
    /** The entry of one slot; a failure is one too. `folder` is where its outputs go. */
    fun evaluate(slot: String, folder: File): Evaluated = try {
        val artifact = plan.artifacts.getValue(slot)
        val model = files.checked(artifact.file, artifact.sha256)
        Memory.restart()
        val bare = Memory.peakBytes()
        val start = System.nanoTime()
        open(artifact, model).use { engine ->
            val loaded = System.nanoTime()
            engine.fill()
            val filled = System.nanoTime()
            engine.run()
            val first = System.nanoTime()
            engine.run()
            val peak = Memory.peakBytes()
            val (names, described) = outputs(engine, slot, artifact, folder)
            Evaluated(
                jsonOf(
                    "error" to null,
                    "load_s" to (loaded - start) / 1e9,
                    "first_inference_s" to (first - filled) / 1e9,
                    "peak_memory_bytes" to if (peak == null || bare == null) null else peak - bare,
                    "outputs" to names,
                    "images" to plan.images,
                    "partitions" to engine.delegation.partitions,
                    "leftover_ops" to engine.delegation.leftoverOps,
                    "layer_types" to null,
                    "instructions" to null,
                ),
                described,
            )
        }
    } catch (error: Exception) {
        Evaluated(jsonOf("error" to error.sentence()))
    } catch (error: OutOfMemoryError) {
        Evaluated(jsonOf("error" to "the app's memory is too small for this model (${error.sentence()})"))
    }

    /** Open a slot's model and fill its inputs with its first example. Throws [RunnerError]. */
    fun opened(slot: String): Engine {
        val artifact = plan.artifacts.getValue(slot)
        val engine = open(artifact, files.checked(artifact.file, artifact.sha256))
        try {
            val evaluation = artifact.evaluation
            engine.fill(if (evaluation == null) emptyMap() else examples(files, evaluation, 1).use(Examples::next))
        } catch (error: Exception) {
            engine.close()
            throw error
        }
        return engine
    }

    private fun open(artifact: PlannedArtifact, model: File): Engine {
        val runtime = runtimes.firstOrNull { it.format == artifact.format } ?: throw RunnerError(
            "this app cannot run ${artifact.format} files; it was built for ${runtimes.joinToString { it.format }}",
        )
        return runtime.open(model, plan.threads, plan.delegate)
    }

    private fun outputs(
        engine: Engine, slot: String, artifact: PlannedArtifact, folder: File,
    ): Pair<Map<String, String>?, Map<String, OutputFile>> {
        val evaluation = artifact.evaluation
        if (evaluation == null) {
            engine.outputs.forEachIndexed { place, one -> requireFinite(one.name, engine.output(place)) }
            return null to emptyMap()
        }
        examples(files, evaluation, plan.images).use { stored ->
            KeptOutputs(evaluation.outputs, folder, slot, stored.count).use { kept ->
                repeat(stored.count) {
                    stored.next().forEach { (place, values) -> feed(engine, place, values) }
                    engine.run()
                    kept.add { engine.output(placeOf(engine, it.index)) }
                }
                kept.finish()
                return kept.names to kept.described()
            }
        }
    }

    private fun feed(engine: Engine, place: Int, values: Values) = try {
        if (place !in engine.inputs.indices) throw ShapeMismatch("the plan fills input $place, of ${engine.inputs.size}")
        engine.feed(place, values)
    } catch (error: ShapeMismatch) {
        throw RunnerError("the plan does not fit the model: ${error.message}")
    }

    private fun placeOf(engine: Engine, index: Int): Int {
        if (index !in engine.outputs.indices) throw RunnerError("the plan keeps output $index, of ${engine.outputs.size}")
        return index
    }
}
