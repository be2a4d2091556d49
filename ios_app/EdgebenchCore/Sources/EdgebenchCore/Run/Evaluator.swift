import Foundation

/// What an evaluation gives: the entry of the result, and the files that it names.
struct Evaluated {
    let entry: JsonObject
    var files: [String: OutputFile] = [:]

    init(_ entry: JsonObject, files: [String: OutputFile] = [:]) {
        self.entry = entry
        self.files = files
    }

    static func failed(_ error: any Error) -> Evaluated { Evaluated(["error": Json(sentence(error))]) }
}

/// Loads one artifact and runs its evaluation inputs.
struct Evaluator {
    let plan: Plan
    let files: RunFiles
    let runtime: any Runtime
    let machine: any Machine

    /// The entry of one slot; a failure is one too. `folder` is where its outputs go.
    func evaluate(_ slot: String, in folder: URL) -> Evaluated {
        do {
            return try evaluated(slot, folder)
        } catch {
            return .failed(error)
        }
    }

    private func evaluated(_ slot: String, _ folder: URL) throws -> Evaluated {
        let artifact = try artifact(slot)
        let model = try prepared(artifact)
        let bare = machine.memory
        let start = Clock.nanoseconds()
        let engine = try open(model)
        let loaded = Clock.nanoseconds()
        try engine.fill()
        let filled = Clock.nanoseconds()
        try engine.run()
        let first = Clock.nanoseconds()
        try engine.run()
        let peak = bare.flatMap { machine.memory?.peak(since: $0) }
        let (names, described) = try outputs(engine, slot, artifact, folder)
        let delegation = engine.delegation
        var entry: JsonObject = [
            "error": .null,
            "load_s": Json(Double(loaded - start) / 1e9),
            "first_inference_s": Json(Double(first - filled) / 1e9),
            "peak_memory_bytes": Json(peak) { Json($0) },
            "outputs": names,
            "images": Json(plan.images) { Json($0) },
            "partitions": Json(delegation.partitions) { Json($0) },
            "leftover_ops": Json(delegation.leftoverOps) { Json($0) },
            "layer_types": .null,
            "instructions": .null,
        ]
        if let placement = delegation.placement { entry["placement"] = Json(placement.map(\.json)) }
        return Evaluated(entry, files: described)
    }

    /// Open a slot's model and fill its inputs with its first example. Throws `RunnerError`.
    func opened(_ slot: String) throws -> any Engine {
        let artifact = try artifact(slot)
        let engine = try open(try prepared(artifact))
        guard let evaluation = artifact.evaluation else {
            try engine.fill()
            return engine
        }
        let examples = try Examples(files, evaluation, limit: 1)
        try engine.fill(examples.count > 0 ? try examples.next(for: engine) : [:])
        return engine
    }

    private func artifact(_ slot: String) throws -> PlannedArtifact {
        guard let artifact = plan.artifacts[slot] else { throw RunnerError("the plan has no slot \(slot)") }
        guard artifact.format == runtime.format else {
            throw RunnerError("this app cannot run \(artifact.format) files")
        }
        return artifact
    }

    private func prepared(_ artifact: PlannedArtifact) throws -> URL {
        try runtime.prepare(try files.checked(artifact.file, artifact.sha256))
    }

    private func open(_ model: URL) throws -> any Engine {
        SuppressedBoxes.read(try runtime.open(model, threads: plan.threads, delegate: plan.delegate))
    }

    private func outputs(
        _ engine: any Engine, _ slot: String, _ artifact: PlannedArtifact, _ folder: URL
    ) throws -> (Json, [String: OutputFile]) {
        guard let evaluation = artifact.evaluation else {
            for (place, output) in engine.outputs.enumerated() { try requireFinite(output.name, engine.output(place)) }
            return (.null, [:])
        }
        let places = try evaluation.outputs.map { try engine.placeOfOutput($0.name) }
        let byName = Dictionary(zip(evaluation.outputs.map(\.name), places)) { first, _ in first }
        let examples = try Examples(files, evaluation, limit: plan.images)
        let kept = try keptOutputs(evaluation, folder, slot, examples.count)
        for _ in 0..<examples.count {
            for (place, given) in try examples.next(for: engine) { try engine.feed(place, given) }
            try engine.run()
            try kept.add { try engine.output(byName[$0.name] ?? 0) }
        }
        let files = try kept.finish()
        return (.object(JsonObject(kept.names.map { ($0.role, Json($0.name)) })), files)
    }

    private func keptOutputs(
        _ evaluation: EvaluationInputs, _ folder: URL, _ slot: String, _ count: Int
    ) throws -> KeptOutputs {
        do {
            return try KeptOutputs(evaluation.outputs, folder, slot: slot, images: count)
        } catch let error as ShapeMismatch {
            throw RunnerError("the plan cannot be carried out: \(error)")
        }
    }
}
