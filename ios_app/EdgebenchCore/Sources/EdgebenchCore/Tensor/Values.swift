/// Numbers in the order of C: whole ones, or floats of one precision.
public struct Values: Sendable {
    public enum Storage: Sendable {
        case floats([Float])
        case doubles([Double])
        case integers([Int64])
    }

    public let shape: [Int]
    public let storage: Storage

    /// Throws `ShapeMismatch` where the numbers are not as many as the shape says.
    public init(_ shape: [Int], _ storage: Storage) throws {
        self.shape = shape
        self.storage = storage
        guard try shape.product() == count else {
            throw ShapeMismatch("cannot bring \(count) values into the shape \(shape)")
        }
    }

    public var count: Int {
        switch storage {
        case .floats(let data): data.count
        case .doubles(let data): data.count
        case .integers(let data): data.count
        }
    }

    /// The value at a place as a double, which holds each of them but very large whole numbers.
    public func double(_ place: Int) -> Double {
        switch storage {
        case .floats(let data): Double(data[place])
        case .doubles(let data): data[place]
        case .integers(let data): Double(data[place])
        }
    }

    /// The value at a place in single precision.
    public func float(_ place: Int) -> Float {
        if case .floats(let data) = storage { return data[place] }
        return Float(double(place))
    }

    /// The value at a place as a whole number: rounded, halves to even.
    public func integer(_ place: Int) -> Int64 {
        if case .integers(let data) = storage { return data[place] }
        return Int64(saturating: double(place).rounded(.toNearestOrEven))
    }

    /// The same numbers in another shape. Throws `ShapeMismatch`.
    public func reshaped(_ shape: [Int]) throws -> Values { try Values(shape, storage) }

    /// The numbers at those places, in that order.
    func at(_ places: [Int], _ shape: [Int]) throws -> Values {
        switch storage {
        case .floats(let data): try Values(shape, .floats(places.map { data[$0] }))
        case .doubles(let data): try Values(shape, .doubles(places.map { data[$0] }))
        case .integers(let data): try Values(shape, .integers(places.map { data[$0] }))
        }
    }

    /// With the axes in another order: axis i of the result is axis `axes[i]` of this. Throws `ShapeMismatch`.
    public func transposed(_ axes: [Int]) throws -> Values {
        guard axes.sorted() == Array(shape.indices) else { throw ShapeMismatch("\(shape) has no axes \(axes)") }
        if axes == Array(shape.indices) { return self }
        let steps = strides(shape)
        let turned = axes.map { shape[$0] }
        return try at(places(turned, steps: axes.map { steps[$0] }), turned)
    }

    /// How many of the values are NaN or infinite.
    public var notFinite: Int {
        switch storage {
        case .floats(let data): data.count { !$0.isFinite }
        case .doubles(let data): data.count { !$0.isFinite }
        case .integers: 0
        }
    }
}

/// Values are not of the shape that was expected.
public struct ShapeMismatch: DescribedError {
    public let description: String

    public init(_ description: String) { self.description = description }
}

extension Int64 {
    /// The nearest that there is: zero for NaN.
    init(saturating value: Double) {
        self = value.isNaN ? 0 : Int64(exactly: value.rounded(.towardZero)) ?? (value < 0 ? .min : .max)
    }
}

extension [Int] {
    /// How many values there are. Throws `ShapeMismatch` for more than there can be.
    public func product() throws -> Int {
        try reduce(1) { all, side in
            let (product, overflow) = all.multipliedReportingOverflow(by: side)
            if overflow || side < 0 { throw ShapeMismatch("\(self) is no shape") }
            return product
        }
    }
}

/// How many values lie between neighbours along each axis.
func strides(_ shape: [Int]) -> [Int] {
    var steps = shape
    var step = 1
    for axis in shape.indices.reversed() {
        steps[axis] = step
        step *= shape[axis]
    }
    return steps
}

/// The place of each value of `shape` where `steps` lie between neighbours.
private func places(_ shape: [Int], steps: [Int]) throws -> [Int] {
    var found = [Int](repeating: 0, count: try shape.product())
    var index = [Int](repeating: 0, count: shape.count)
    var place = 0
    for number in found.indices {
        found[number] = place
        for axis in shape.indices.reversed() {
            place += steps[axis]
            index[axis] += 1
            if index[axis] < shape[axis] { break }
            place -= steps[axis] * shape[axis]
            index[axis] = 0
        }
    }
    return found
}
