/// What a model says of one image.
public enum Prediction: Sendable {
    /// The best classes, best first.
    case classes([ScoredClass])
    /// The things found, best first.
    case boxes([Box])
    /// The class of each pixel.
    case map(ClassMap)
    /// Numbers that no task gives a meaning to, by the role of their output.
    case numbers([String: Values])
}

/// A class with its probability.
public struct ScoredClass: Sendable, Equatable {
    public let index: Int
    public let score: Double
}

/// A thing in a box, in pixels of the model's input.
public struct Box: Sendable, Equatable {
    public let left: Double
    public let top: Double
    public let right: Double
    public let bottom: Double
    public let score: Double
    public let index: Int

    var area: Double { (right - left) * (bottom - top) }

    /// Intersection over union.
    func overlap(_ other: Box) -> Double {
        let both =
            max(min(right, other.right) - max(left, other.left), 0)
            * max(min(bottom, other.bottom) - max(top, other.top), 0)
        return both > 0 ? both / (area + other.area - both) : 0
    }
}

/// A class for each pixel, row by row.
public struct ClassMap: Sendable {
    public let height: Int
    public let width: Int
    public let classes: [Int]
}
