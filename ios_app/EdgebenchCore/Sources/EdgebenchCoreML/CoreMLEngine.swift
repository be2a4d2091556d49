#if canImport(CoreML)
import CoreML
import EdgebenchCore
import Foundation

/// A model that Core ML has loaded. Inputs and outputs lie in memory that is allocated once.
public final class CoreMLEngine: Engine {
    public private(set) var inputs: [Tensor]
    public private(set) var outputs: [Tensor]

    private let url: URL
    private let units: ComputeUnits
    private let model: MLModel
    private let fed: [FedInput]
    private let given: MLDictionaryFeatureProvider
    private let options = MLPredictionOptions()
    private var backings: [String: MLMultiArray] = [:]
    private var made: (any MLFeatureProvider)?

    /// Load a compiled model, on the thread that asks. Throws `RunnerError`, and what Core ML throws.
    public convenience init(_ url: URL, _ units: ComputeUnits) throws {
        try units.require()
        try self.init(MLModel(contentsOf: url, configuration: Self.configuration(units)), url, units)
    }

    /// The same without holding up a thread: a model may take seconds the first time. Throws the same.
    public static func load(_ url: URL, _ units: ComputeUnits) async throws -> sending CoreMLEngine {
        try units.require()
        let model = try await MLModel.load(contentsOf: url, configuration: configuration(units))
        return try CoreMLEngine(model, url, units)
    }

    private init(_ model: MLModel, _ url: URL, _ units: ComputeUnits) throws {
        self.url = url
        self.units = units
        self.model = model
        let description = model.modelDescription
        // Core ML has no order of inputs; an image comes first, because a plan gives images to the first input.
        // The thresholds of a detector's suppression are optional: they have the values that the model names.
        fed = try description.inputDescriptionsByName.values.filter { !$0.isOptional }.map(FedInput.init).sorted {
            ($0.isImage ? 0 : 1, $0.tensor.name) < ($1.isImage ? 0 : 1, $1.tensor.name)
        }
        inputs = fed.map(\.tensor)
        given = try MLDictionaryFeatureProvider(
            dictionary: Dictionary(uniqueKeysWithValues: fed.map { ($0.tensor.name, $0.value) }))
        outputs = try description.outputDescriptionsByName.values
            .filter { $0.type == .multiArray }
            .map { one in
                let array = one.multiArrayConstraint
                let shape = array?.shape.map(\.intValue) ?? []
                return Tensor(name: one.name, shape: shape, type: try elementType(array?.dataType ?? .float32))
            }
            .sorted { $0.name < $1.name }
        guard !outputs.isEmpty else {
            throw RunnerError("the model has no array output, so its outputs cannot be compared")
        }
    }

    private static func configuration(_ units: ComputeUnits) -> MLModelConfiguration {
        let configuration = MLModelConfiguration()
        configuration.computeUnits = units.units
        return configuration
    }

    public func feed(_ place: Int, _ values: Values) throws { try fed[place].set(values) }

    public func feed(_ place: Int, _ image: Pixels) throws { try fed[place].set(image) }

    /// A prediction into the memory of the outputs. The pool is emptied each time, as in an app, so that none grows.
    public func run() throws {
        try autoreleasepool { made = try model.prediction(from: given, options: options) }
        if backings.isEmpty { try allocateOutputs() }
    }

    /// After the first prediction, which tells the shapes that a description may leave open. An output that has as
    /// many rows as boxes were found gets new memory each time.
    private func allocateOutputs() throws {
        let described = model.modelDescription.outputDescriptionsByName
        for (place, output) in outputs.enumerated() {
            let varies = described[output.name]?.multiArrayConstraint?.shapeConstraint.type == .range
            guard !varies, let array = made?.featureValue(for: output.name)?.multiArrayValue else { continue }
            outputs[place] = Tensor(
                name: output.name, shape: array.shape.map(\.intValue), type: try elementType(array.dataType))
            backings[output.name] = try MLMultiArray(shape: array.shape, dataType: array.dataType)
        }
        options.outputBackings = backings
    }

    public func output(_ place: Int) throws -> Values {
        guard let array = made?.featureValue(for: outputs[place].name)?.multiArrayValue else {
            throw RunnerError("the model gave no \(outputs[place].name)")
        }
        let shape = array.shape.map(\.intValue)
        return try values(array, Tensor(name: outputs[place].name, shape: shape, type: try elementType(array.dataType)))
    }

    /// Where Core ML plans to run each operation (iOS 17.4), which is not what it was seen to do.
    public var delegation: Delegation {
        guard #available(iOS 17.4, macOS 14.4, *) else { return Delegation() }
        let (url, configuration) = (url, Self.configuration(units))
        let placement = try? waiting { [configuration = Unshared(configuration)] in
            Placement.operations(try await MLComputePlan.load(contentsOf: url, configuration: configuration.value))
        }
        guard let placement, !placement.isEmpty else { return Delegation() }
        return Delegation(placement: placement, wanted: units.wanted)
    }
}

/// Something that one task alone uses, after who made it has given it away.
struct Unshared<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}
#endif
