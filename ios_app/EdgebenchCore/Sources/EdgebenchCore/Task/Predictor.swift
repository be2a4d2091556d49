/// A bundled model that is loaded: from the pixels of an image to what the model says of it. Used by one thread.
public final class Predictor {
    public let model: BundledModel
    private let engine: any Engine

    /// The time of the last inference alone.
    public private(set) var inferenceNs: UInt64 = 0

    public init(_ model: BundledModel, _ engine: any Engine) {
        self.model = model
        self.engine = SuppressedBoxes.read(engine)
    }

    /// Predict from an image of the model's size. Throws `ShapeMismatch`, `RunnerError` and what the runtime throws.
    public func predict(_ image: Pixels) throws -> Prediction {
        guard image.height == model.height, image.width == model.width else {
            throw ShapeMismatch(
                "the model takes \(model.width) x \(model.height), not \(image.width) x \(image.height)")
        }
        try engine.feed(0, .image(image, model.preprocessing))
        let start = Clock.nanoseconds()
        try engine.run()
        inferenceNs = Clock.nanoseconds() - start
        return try model.task.read { try engine.output(try engine.placeOfOutput($0)) }
    }
}
