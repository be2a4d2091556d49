package org.edgebench.core.run

import org.edgebench.core.document.Plan
import org.edgebench.core.document.PlannedBlock
import org.edgebench.core.document.TurnLength
import org.edgebench.core.json.JsonObject
import org.edgebench.core.json.jsonOf

/** Measures blocks: loads the models afresh, warms them up, and lets them take turns. */
class Measurer(private val plan: Plan, private val evaluator: Evaluator, private val machine: Machine) {
    /** One block; `failed` are the slots whose evaluation has an error. A failure is a block with an error. */
    fun measure(block: PlannedBlock, failed: Set<String>): JsonObject {
        val group = plan.group(block.group)
        val order = block.order.filter { it !in failed }
        return when {
            group.baseline in failed -> failed(block, "the baseline ${group.baseline} does not run")
            order.toSet() == setOf(group.baseline) ->
                failed(block, "no model that runs is left to compare with ${group.baseline}")
            else -> try {
                measured(block, order, group.turn)
            } catch (error: Exception) {
                failed(block, error.sentence())
            }
        }
    }

    private fun measured(block: PlannedBlock, order: List<String>, turn: TurnLength): JsonObject {
        val opened = LinkedHashMap<String, Engine>()
        try {
            for (slot in order) if (slot !in opened) opened[slot] = evaluator.opened(slot)
            val engines = order.map(opened::getValue)
            val samples = order.map { Samples(turn.samples) }
            val cpuClock = machine.cpuClock
            val used = cpuClock ?: CpuClock { 0 }
            // What was allocated so far is collected now and not while something is timed.
            System.gc()
            val warmups = opened.map { (slot, engine) -> slot to warmUp(engine, plan.warmup) }
            val before = machine.readings()
            for (place in engines.indices) takeTurn(engines[place], samples[place], turn.batch, used)
            val after = machine.readings()
            val turns = order.indices.map { turn(order[it], samples[it], turn.dropped, cpuClock != null) }
            return entry(
                block, null, before, after,
                warmups.map { (slot, one) -> jsonOf("slot" to slot, "steady" to one.steady, "times_ns" to one.timesNs) },
                turns,
            )
        } finally {
            opened.values.forEach(Engine::close)
        }
    }

    private fun turn(slot: String, samples: Samples, dropped: Int, cpuKnown: Boolean) = jsonOf(
        "slot" to slot,
        "dropped_ns" to samples.wall.take(dropped),
        "samples_ns" to samples.wall.drop(dropped),
        "cpu_ns" to if (cpuKnown) samples.cpu.drop(dropped) else null,
        "summary" to null,
    )

    private fun failed(block: PlannedBlock, error: String) = entry(block, error, null, null, emptyList(), emptyList())

    private fun entry(
        block: PlannedBlock, error: String?, before: JsonObject?, after: JsonObject?,
        warmups: List<JsonObject>, turns: List<JsonObject>,
    ) = jsonOf(
        "index" to block.index,
        "process" to block.process,
        "group" to block.group,
        "error" to error,
        "before" to before,
        "after" to after,
        "warmups" to warmups,
        "turns" to turns,
    )
}
