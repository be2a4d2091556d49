package org.edgebench.core.document

import org.edgebench.core.json.Fields
import org.edgebench.core.json.document

/** What the host wants to be measured, in which order; deploy/documents/plan.py describes every field. */
class Plan(
    val threads: Int,
    val cores: List<Int>?,
    val delegate: String,
    val artifacts: Map<String, PlannedArtifact>,
    val groups: List<Group>,
    val processes: Int,
    val blocks: List<PlannedBlock>,
    val warmup: WarmupRule,
    val profile: Boolean,
    val images: Int?,
) {
    fun group(name: String): Group = groups.first { it.name == name }

    companion object {
        const val SCHEMA = "edgebench.plan/4"
    }
}

class PlannedArtifact(val file: String, val sha256: String, val format: String, val evaluation: EvaluationInputs?)

/** Images, or where [arrays] is not empty an array for each input, and what is kept of the outputs. */
class EvaluationInputs(
    val file: String,
    val sha256: String,
    val preprocessing: Preprocessing,
    val outputs: List<KeptOutput>,
    val arrays: List<StoredInput>,
)

/** An image becomes (image / 255 - mean) / std, in NCHW; axis i of the input is its axis `axes[i]`. */
class Preprocessing(val mean: FloatArray, val std: FloatArray, val axes: IntArray)

class StoredInput(val array: String, val index: Int, val axes: IntArray)

class KeptOutput(val role: String, val output: String, val index: Int, val axes: IntArray, val reduction: Reduction)

class Reduction(
    val kind: String,
    val source: IntArray,
    val shape: IntArray,
    val dtype: String,
    val axis: Int?,
    val threshold: Double?,
    val count: Int?,
    val rank: RowRank?,
)

class RowRank(
    val output: String,
    val source: IntArray,
    val axis: Int,
    val first: Int,
    val end: Int,
    val times: Int?,
)

class Group(val name: String, val baseline: String, val turn: TurnLength)

class TurnLength(val samples: Int, val dropped: Int, val batch: Int)

class PlannedBlock(val index: Int, val process: Int, val group: String, val order: List<String>)

class WarmupRule(val window: Int, val tolerance: Double, val maxSeconds: Double)

/** Throws [org.edgebench.core.json.InvalidDocument], which names the field. */
fun readPlan(text: String): Plan = document(text, "plan.json", Plan.SCHEMA).run {
    Plan(
        threads = get("threads").int(),
        cores = get("cores").orNull { ints().toList() },
        delegate = get("delegate").text(),
        artifacts = get("artifacts").map { artifact() },
        groups = get("groups").list { group() },
        processes = get("processes").int(),
        blocks = get("blocks").list { block() },
        warmup = get("warmup").run {
            WarmupRule(get("window").int(), get("tolerance").double(), get("max_s").double())
        },
        profile = get("profile").orNull { flag() } ?: false,
        images = get("images").orNull { int() },
    )
}

private fun Fields.artifact() = PlannedArtifact(
    file = get("file").text(),
    sha256 = get("sha256").text(),
    format = get("format").text(),
    evaluation = get("evaluation").orNull { evaluation() },
)

private fun Fields.evaluation() = EvaluationInputs(
    file = get("file").text(),
    sha256 = get("sha256").text(),
    preprocessing = preprocessing(),
    outputs = get("outputs").list { keptOutput() },
    arrays = get("arrays").orNull {
        list { StoredInput(get("array").text(), get("index").int(), get("axes").ints()) }
    } ?: emptyList(),
)

/** The fields `mean`, `std` and `axes` of an object. */
fun Fields.preprocessing() = Preprocessing(
    mean = get("mean").list { double().toFloat() }.toFloatArray(),
    std = get("std").list { double().toFloat() }.toFloatArray(),
    axes = get("axes").ints(),
)

fun Fields.keptOutput() = KeptOutput(
    role = get("role").text(),
    output = get("output").text(),
    index = get("index").int(),
    axes = get("axes").ints(),
    reduction = get("reduction").reduction(),
)

fun Fields.reduction() = Reduction(
    kind = get("kind").text(),
    source = get("source").ints(),
    shape = get("shape").ints(),
    dtype = get("dtype").text(),
    axis = get("axis").orNull { int() },
    threshold = get("threshold").orNull { double() },
    count = get("count").orNull { int() },
    rank = get("rank").orNull {
        RowRank(
            output = get("output").text(),
            source = get("source").ints(),
            axis = get("axis").int(),
            first = get("first").int(),
            end = get("end").int(),
            times = get("times").orNull { int() },
        )
    },
)

private fun Fields.group() = Group(
    name = get("name").text(),
    baseline = get("baseline").text(),
    turn = get("turn").run { TurnLength(get("samples").int(), get("dropped").int(), get("batch").int()) },
)

private fun Fields.block() = PlannedBlock(
    index = get("index").int(),
    process = get("process").int(),
    group = get("group").text(),
    order = get("order").list { text() },
)
