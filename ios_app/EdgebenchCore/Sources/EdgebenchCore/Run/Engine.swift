import Foundation

/// A model that is loaded, and the memory of its inputs and outputs. Used by one thread; closed when it goes.
public protocol Engine: AnyObject {
    var inputs: [Tensor] { get }

    var outputs: [Tensor] { get }

    /// Set one input from real values. Throws `ShapeMismatch` where they do not fit.
    func feed(_ place: Int, _ values: Values) throws

    /// Set an input of the kind image. Throws `ShapeMismatch` for another size.
    func feed(_ place: Int, _ image: Pixels) throws

    /// One inference and nothing else; it is what gets timed.
    func run() throws

    /// The real values of one output: floats in single precision, whole numbers as they are.
    func output(_ place: Int) throws -> Values

    var delegation: Delegation { get }

    /// What the runtime's own profiler measures, or nil if it has none. See `Profile` in the result's schema.
    func profile() throws -> Json?
}

extension Engine {
    public var delegation: Delegation { Delegation() }

    public func profile() throws -> Json? { nil }

    /// The place of an output by its name. Throws `RunnerError` where there is none.
    public func placeOfOutput(_ name: String) throws -> Int {
        guard let place = outputs.firstIndex(where: { $0.name == name }) else {
            throw RunnerError("the plan keeps the output \(name), and the model has \(named(outputs))")
        }
        return place
    }

    /// The place of an input by its name. Throws `RunnerError` where there is none.
    public func placeOfInput(_ name: String) throws -> Int {
        guard let place = inputs.firstIndex(where: { $0.name == name }) else {
            throw RunnerError("the plan fills the input \(name), and the model has \(named(inputs))")
        }
        return place
    }

    private func named(_ tensors: [Tensor]) -> String { tensors.map(\.name).joined(separator: ", ") }
}

/// Where the operations of a model run, as far as the runtime says it; nil where it does not.
public struct Delegation: Sendable {
    /// How many parts of the graph the processor that was asked for runs.
    public let partitions: Int?
    /// The operations that it leaves to others.
    public let leftoverOps: [String]?
    /// Every operation, in the order of the program.
    public let placement: [PlacedOperation]?

    public init(partitions: Int? = nil, leftoverOps: [String]? = nil, placement: [PlacedOperation]? = nil) {
        self.partitions = partitions
        self.leftoverOps = leftoverOps
        self.placement = placement
    }

    /// What is known from where the operations are: the parts of it and the rest, for the processor asked for.
    public init(placement: [PlacedOperation], wanted: String?) {
        guard let wanted else {
            self.init(placement: placement)
            return
        }
        let there = placement.map { $0.processor == wanted }
        let parts = there.indices.count { there[$0] && ($0 == 0 || !there[$0 - 1]) }
        let left = placement.filter { $0.processor != wanted }.map(\.type)
        self.init(partitions: parts, leftoverOps: left, placement: placement)
    }
}

/// One operation: on which processor the runtime means to run it, and which share of the cost it expects there.
public struct PlacedOperation: Sendable, Equatable {
    public static let cpu = "cpu"
    public static let gpu = "gpu"
    public static let neuralEngine = "neural_engine"

    public let name: String
    public let type: String
    public let processor: String
    public let weight: Double?

    public init(name: String, type: String, processor: String, weight: Double?) {
        self.name = name
        self.type = type
        self.processor = processor
        self.weight = weight
    }

    var json: Json {
        [
            "name": Json(name), "type": Json(type), "processor": Json(processor),
            "cost_weight": Json(weight) { Json($0) },
        ]
    }
}

/// What opens models.
public protocol Runtime {
    /// The format that it runs, and its name and version as the result's context has them.
    var format: String { get }
    var name: String { get }
    var version: String { get }

    /// Bring a model's file into the form that is opened, such as compiled. It is not timed. Throws `RunnerError`.
    func prepare(_ model: URL) throws -> URL

    /// Whether the CPU alone runs models: otherwise the process's CPU time says nothing of an inference.
    func runsOnCpuAlone(delegate: String) -> Bool

    /// Throws `RunnerError` if it cannot be done as asked; never does something else instead.
    func open(_ model: URL, threads: Int, delegate: String) throws -> any Engine
}
