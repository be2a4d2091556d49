/// What the host wants to be measured, in which order; deploy/documents/plan.py describes every field.
public struct Plan: Sendable {
    public static let schema = "edgebench.plan/4"

    public let threads: Int
    public let cores: [Int]?
    public let delegate: String
    /// The slots in the plan's order, and the artifact of each.
    public let slots: [String]
    public let artifacts: [String: PlannedArtifact]
    public let groups: [String: PlannedGroup]
    public let processes: Int
    public let blocks: [PlannedBlock]
    public let warmup: WarmupRule
    public let profile: Bool
    public let images: Int?

    /// Throws `InvalidDocument`, which names the field.
    public init(reading bytes: some Collection<UInt8>) throws {
        let root = try Fields.document(bytes, "plan.json", Self.schema)
        threads = try root["threads"].int()
        cores = try root["cores"].orNil { try $0.counts() }
        delegate = try root["delegate"].text()
        let planned = try root["artifacts"].map(PlannedArtifact.init)
        slots = planned.map(\.name)
        artifacts = Dictionary(planned.map { ($0.name, $0.value) }) { first, _ in first }
        groups = Dictionary(try root["groups"].list(PlannedGroup.init).map { ($0.name, $0) }) { first, _ in first }
        processes = try root["processes"].count()
        blocks = try root["blocks"].list(PlannedBlock.init)
        warmup = try WarmupRule(try root["warmup"])
        profile = try root["profile"].orNil { try $0.flag() } ?? false
        images = try root["images"].orNil { try $0.count() }
        for block in blocks {
            guard groups[block.group] != nil else { throw InvalidDocument("plan.json has no group '\(block.group)'") }
            if let slot = block.order.first(where: { artifacts[$0] == nil }) {
                throw InvalidDocument("plan.json has no slot '\(slot)'")
            }
        }
    }
}

public struct PlannedArtifact: Sendable {
    public let file: String
    public let sha256: String
    public let format: String
    public let evaluation: EvaluationInputs?

    init(_ fields: Fields) throws {
        file = try fields["file"].text()
        sha256 = try fields["sha256"].text()
        format = try fields["format"].text()
        evaluation = try fields["evaluation"].orNil(EvaluationInputs.init)
    }
}

/// Images, or where `arrays` is not empty an array for each input, and what is kept of the outputs.
public struct EvaluationInputs: Sendable {
    public let file: String
    public let sha256: String
    public let preprocessing: Preprocessing
    public let outputs: [KeptOutput]
    public let arrays: [StoredInput]

    init(_ fields: Fields) throws {
        file = try fields["file"].text()
        sha256 = try fields["sha256"].text()
        preprocessing = try Preprocessing(fields)
        outputs = try fields["outputs"].list(KeptOutput.init)
        arrays = try fields["arrays"].orNil { try $0.list(StoredInput.init) } ?? []
    }
}

/// An image becomes (image / 255 - mean) / std, in NCHW; axis i of the input is its axis `axes[i]`.
public struct Preprocessing: Sendable {
    public let mean: [Float]
    public let std: [Float]
    public let axes: [Int]

    /// From the fields `mean`, `std` and `axes` of an object.
    public init(_ fields: Fields) throws {
        mean = try fields["mean"].list { Float(try $0.double()) }
        std = try fields["std"].list { Float(try $0.double()) }
        axes = try fields["axes"].counts()
    }
}

/// An input whose values are stored; Core ML finds it by its name.
public struct StoredInput: Sendable {
    public let array: String
    public let name: String
    public let axes: [Int]

    init(_ fields: Fields) throws {
        array = try fields["array"].text()
        name = try fields["name"].text()
        axes = try fields["axes"].counts()
    }
}

/// An output that has a role: `output` is its name in ONNX, and `name` its name in the model.
public struct KeptOutput: Sendable {
    public let role: String
    public let output: String
    public let name: String
    public let axes: [Int]
    public let reduction: Reduction

    public init(_ fields: Fields) throws {
        role = try fields["role"].text()
        output = try fields["output"].text()
        name = try fields["name"].text()
        axes = try fields["axes"].counts()
        reduction = try Reduction(try fields["reduction"])
    }

    public init(role: String, output: String, name: String, axes: [Int], reduction: Reduction) {
        self.role = role
        self.output = output
        self.name = name
        self.axes = axes
        self.reduction = reduction
    }

    /// The values of the model's output in ONNX's order of axes. Throws `ShapeMismatch`.
    ///
    /// Axis i of the model's output is axis `axes[i]` of the result.
    func inOnnxOrder(_ values: Values) throws -> Values {
        var back = axes
        for (place, axis) in axes.enumerated() where back.indices.contains(axis) { back[axis] = place }
        return try values.transposed(back)
    }
}

/// What is kept of an output of one image.
public struct Reduction: Sendable {
    public let kind: String
    public let source: [Int]
    public let shape: [Int]
    public let dtype: String
    public let axis: Int?
    public let threshold: Double?
    public let count: Int?
    public let rank: RowRank?

    public init(_ fields: Fields) throws {
        kind = try fields["kind"].text()
        source = try fields["source"].counts()
        shape = try fields["shape"].counts()
        dtype = try fields["dtype"].text()
        axis = try fields["axis"].orNil { try $0.count() }
        threshold = try fields["threshold"].orNil { try $0.double() }
        count = try fields["count"].orNil { try $0.count() }
        rank = try fields["rank"].orNil(RowRank.init)
    }
}

/// Which rows of a table are best.
public struct RowRank: Sendable {
    public let output: String
    public let source: [Int]
    public let axis: Int
    public let first: Int
    public let end: Int
    public let times: Int?

    init(_ fields: Fields) throws {
        output = try fields["output"].text()
        source = try fields["source"].counts()
        axis = try fields["axis"].count()
        first = try fields["first"].count()
        end = try fields["end"].count()
        times = try fields["times"].orNil { try $0.count() }
    }
}

public struct PlannedGroup: Sendable {
    public let name: String
    public let baseline: String
    public let turn: TurnLength

    init(_ fields: Fields) throws {
        name = try fields["name"].text()
        baseline = try fields["baseline"].text()
        turn = try TurnLength(try fields["turn"])
    }
}

/// One turn: `samples` in a row, of which the first `dropped` do not count; a sample is `batch` inferences.
public struct TurnLength: Sendable {
    public let samples: Int
    public let dropped: Int
    public let batch: Int

    init(_ fields: Fields) throws {
        samples = try fields["samples"].count()
        dropped = min(try fields["dropped"].count(), samples)
        batch = try fields["batch"].count()
        guard batch > 0 else { throw try fields["batch"].invalid("at least one") }
    }
}

public struct PlannedBlock: Sendable {
    public let index: Int
    public let process: Int
    public let group: String
    public let order: [String]

    init(_ fields: Fields) throws {
        index = try fields["index"].count()
        process = try fields["process"].count()
        group = try fields["group"].text()
        order = try fields["order"].list { try $0.text() }
    }
}

public struct WarmupRule: Sendable {
    public let window: Int
    public let tolerance: Double
    public let maxSeconds: Double

    init(_ fields: Fields) throws {
        try self.init(
            window: fields["window"].count(), tolerance: fields["tolerance"].double(),
            maxSeconds: fields["max_s"].double())
        guard window > 0 else { throw try fields["window"].invalid("at least one") }
    }

    public init(window: Int, tolerance: Double, maxSeconds: Double) {
        self.window = window
        self.tolerance = tolerance
        self.maxSeconds = maxSeconds
    }
}
