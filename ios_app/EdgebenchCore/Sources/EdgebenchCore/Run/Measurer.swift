/// Measures blocks: loads the models afresh, warms them up, and lets them take turns.
struct Measurer {
    let plan: Plan
    let evaluator: Evaluator
    let machine: any Machine

    /// One block; `failed` are the slots whose evaluation has an error. A failure is a block with an error.
    func measure(_ block: PlannedBlock, failed: Set<String>) -> JsonObject {
        guard let group = plan.groups[block.group] else { return error(block, "the plan has no group \(block.group)") }
        let order = block.order.filter { !failed.contains($0) }
        if failed.contains(group.baseline) { return error(block, "the baseline \(group.baseline) does not run") }
        if Set(order) == [group.baseline] {
            return error(block, "no model that runs is left to compare with \(group.baseline)")
        }
        do {
            return try measured(block, order, group.turn)
        } catch let failure {
            return error(block, sentence(failure))
        }
    }

    private func measured(_ block: PlannedBlock, _ order: [String], _ turn: TurnLength) throws -> JsonObject {
        var opened: [(slot: String, engine: any Engine)] = []
        for slot in order where !opened.contains(where: { $0.slot == slot }) {
            opened.append((slot, try evaluator.opened(slot)))
        }
        let engines = Dictionary(uniqueKeysWithValues: opened.map { ($0.slot, $0.engine) })
        let places = order.compactMap { engines[$0] }
        var samples = order.map { _ in Samples(turn.samples) }
        let cpuKnown = Clock.knowsProcessTime && evaluator.runtime.runsOnCpuAlone(delegate: plan.delegate)
        let warmups = try opened.map { ($0.slot, try warmUp($0.engine, plan.warmup)) }
        let before = machine.readings()
        for place in places.indices {
            try takeTurn(places[place], &samples[place], batch: turn.batch, cpuKnown: cpuKnown)
        }
        let after = machine.readings()
        return entry(
            block, error: .null, before: before.json, after: after.json,
            warmups: warmups.map { slot, one in
                ["slot": Json(slot), "steady": .bool(one.steady), "times_ns": Json(one.timesNs)]
            },
            turns: zip(order, samples).map { slot, one in
                [
                    "slot": Json(slot),
                    "dropped_ns": Json(Array(one.wall.prefix(turn.dropped))),
                    "samples_ns": Json(Array(one.wall.dropFirst(turn.dropped))),
                    "cpu_ns": cpuKnown ? Json(Array(one.cpu.dropFirst(turn.dropped))) : .null,
                    "summary": .null,
                ]
            })
    }

    private func error(_ block: PlannedBlock, _ reason: String) -> JsonObject {
        entry(block, error: Json(reason), before: .null, after: .null, warmups: [], turns: [])
    }

    private func entry(
        _ block: PlannedBlock, error: Json, before: Json, after: Json, warmups: [Json], turns: [Json]
    ) -> JsonObject {
        [
            "index": Json(block.index),
            "process": Json(block.process),
            "group": Json(block.group),
            "error": error,
            "before": before,
            "after": after,
            "warmups": .list(warmups),
            "turns": .list(turns),
        ]
    }
}
