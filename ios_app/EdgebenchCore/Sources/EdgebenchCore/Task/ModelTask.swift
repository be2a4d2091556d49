/// Reads what is kept of a model's outputs, as its manifest says.
public struct ModelTask: Sendable {
    public let name: String
    private let kept: [KeptOutput]
    private let decoder: Decoder

    private enum Decoder: Sendable {
        case classification(Classification)
        case detection(Detection)
        case segmentation
        case none
    }

    /// The task of that name. Throws `InvalidDocument` for one that this app does not know.
    public init(_ name: String, kept: [KeptOutput], layout: Fields) throws {
        self.name = name
        self.kept = kept
        switch name {
        case "classification":
            decoder = .classification(try Classification(role: Self.only(kept), layout))
        case "detection": decoder = .detection(Detection(layout: try DetectionLayout(layout)))
        case "segmentation":
            _ = try Self.only(kept)
            decoder = .segmentation
        case "none": decoder = .none
        default: throw InvalidDocument("this app does not know the task '\(name)'")
        }
    }

    private static func only(_ kept: [KeptOutput]) throws -> String {
        guard kept.count == 1 else { throw InvalidDocument("a task of one output has \(kept.count)") }
        return kept[0].role
    }

    /// From the model's outputs; `output` gives one by its name, in the model's order of axes. Throws `ShapeMismatch`.
    public func read(_ output: (String) throws -> Values) throws -> Prediction {
        var onnx: [String: Values] = [:]
        for one in kept where onnx[one.output] == nil { onnx[one.output] = try one.inOnnxOrder(try output(one.name)) }
        return try decode(
            Dictionary(kept.map { ($0.role, try $0.reduction.apply(to: $0.output, of: onnx)) }) { first, _ in first })
    }

    /// From what is kept of the outputs, by role. Throws `ShapeMismatch`.
    public func decode(_ outputs: [String: Values]) throws -> Prediction {
        switch decoder {
        case .classification(let task): return .classes(task.decode(try Self.role(kept[0].role, outputs)))
        case .detection(let task): return .boxes(try task.decode(outputs))
        case .segmentation: return .map(try Self.map(try Self.role(kept[0].role, outputs)))
        case .none: return .numbers(outputs)
        }
    }

    static func role(_ name: String, _ outputs: [String: Values]) throws -> Values {
        guard let values = outputs[name] else { throw ShapeMismatch("the model has no output for \(name)") }
        return values
    }

    private static func map(_ values: Values) throws -> ClassMap {
        guard values.shape.count == 2 else { throw ShapeMismatch("\(values.shape) is no map of classes") }
        let classes = (0..<values.count).map { Int(values.integer($0)) }
        return ClassMap(height: values.shape[0], width: values.shape[1], classes: classes)
    }
}
