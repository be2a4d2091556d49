/// The types of a tensor's elements, by NumPy's names.
public enum ElementType: String, Sendable, CaseIterable {
    case float32, float16, float64, int8, uint8, int16, uint16, int32, uint32, int64, bool

    public var byteCount: Int {
        switch self {
        case .int8, .uint8, .bool: 1
        case .float16, .int16, .uint16: 2
        case .float32, .int32, .uint32: 4
        case .float64, .int64: 8
        }
    }

    /// The smallest and the largest whole number; nil for other types.
    var limits: (Double, Double)? {
        switch self {
        case .int8: (-0x1p7, 0x1p7 - 1)
        case .uint8: (0, 0x1p8 - 1)
        case .int16: (-0x1p15, 0x1p15 - 1)
        case .uint16: (0, 0x1p16 - 1)
        case .int32: (-0x1p31, 0x1p31 - 1)
        case .uint32: (0, 0x1p32 - 1)
        case .int64: (-0x1p63, 0x1p63)
        case .float32, .float16, .float64, .bool: nil
        }
    }
}

/// An input or output of a model. Quantised values mean scale * (stored - zeroPoint); a scale of 0 is none.
public struct Tensor: Sendable {
    /// What an input takes: numbers, or the pixels of an image as they are.
    public enum Kind: Sendable, Equatable {
        case numbers
        case image(height: Int, width: Int, grey: Bool)
    }

    public let name: String
    public let shape: [Int]
    public let type: ElementType
    public let kind: Kind
    public let scale: Float
    public let zeroPoint: Int

    public init(
        name: String, shape: [Int], type: ElementType, kind: Kind = .numbers, scale: Float = 0, zeroPoint: Int = 0
    ) {
        self.name = name
        self.shape = shape
        self.type = type
        self.kind = kind
        self.scale = scale
        self.zeroPoint = zeroPoint
    }

    public var isQuantised: Bool { scale != 0 && type.limits != nil }

    public func byteCount() throws -> Int { try shape.product() * type.byteCount }

    /// Write real values, as the model stores them, in this machine's byte order. Throws `ShapeMismatch`.
    ///
    /// Whole numbers are scaled in double precision, as NumPy does.
    public func encode(_ values: Values, into bytes: UnsafeMutableRawBufferPointer) throws {
        guard values.shape == shape else {
            throw ShapeMismatch("the input \(name) takes \(shape), not \(values.shape)")
        }
        guard bytes.count >= values.count * type.byteCount else {
            throw ShapeMismatch("the input \(name) has room for \(bytes.count) bytes")
        }
        switch (type, values.storage) {
        case (.float32, .floats(let data)): data.withUnsafeBytes { bytes.copyMemory(from: $0) }
        case (.float32, _): store(values, bytes) { values.float($0) }
        case (.float16, _): store(values, bytes) { Half.bits(values.float($0)) }
        case (.float64, _): store(values, bytes) { values.double($0) }
        case (.int8, _): store(values, bytes) { Int8(truncatingIfNeeded: whole(values, $0)) }
        case (.uint8, _): store(values, bytes) { UInt8(truncatingIfNeeded: whole(values, $0)) }
        case (.int16, _): store(values, bytes) { Int16(truncatingIfNeeded: whole(values, $0)) }
        case (.uint16, _): store(values, bytes) { UInt16(truncatingIfNeeded: whole(values, $0)) }
        case (.int32, _): store(values, bytes) { Int32(truncatingIfNeeded: whole(values, $0)) }
        case (.uint32, _): store(values, bytes) { UInt32(truncatingIfNeeded: whole(values, $0)) }
        case (.int64, _): store(values, bytes) { whole(values, $0) }
        case (.bool, _): store(values, bytes) { UInt8(values.double($0) != 0 ? 1 : 0) }
        }
    }

    private func store<Element>(
        _ values: Values, _ bytes: UnsafeMutableRawBufferPointer, _ element: (Int) -> Element
    ) {
        for place in 0..<values.count {
            bytes.storeBytes(of: element(place), toByteOffset: place * type.byteCount, as: Element.self)
        }
    }

    /// A value as it is stored: scaled where the tensor is quantised, otherwise without its fraction.
    private func whole(_ values: Values, _ place: Int) -> Int64 {
        if isQuantised, let (smallest, largest) = type.limits {
            let scaled: Double
            if case .floats(let data) = values.storage {
                scaled = Double((data[place] / scale + Float(zeroPoint)).rounded(.toNearestOrEven))
            } else {
                scaled = (values.double(place) / Double(scale) + Double(zeroPoint)).rounded(.toNearestOrEven)
            }
            return Int64(saturating: min(max(scaled, smallest), largest))
        }
        if case .integers(let data) = values.storage { return data[place] }
        return Int64(saturating: values.double(place))
    }

    /// Read real values: floats in single precision, whole numbers as they are. Throws `ShapeMismatch`.
    public func decode(_ bytes: UnsafeRawBufferPointer) throws -> Values {
        let raw = try elements(bytes, type, shape)
        switch raw.storage {
        case .floats: return raw
        case .doubles(let data): return try Values(shape, .floats(data.map { Float($0) }))
        case .integers(let data):
            guard isQuantised else { return raw }
            // In double precision and then rounded, as the Python runner does it.
            let step = Double(scale)
            return try Values(shape, .floats(data.map { Float(Double($0 - Int64(zeroPoint)) * step) }))
        }
    }
}

/// Elements of a type as values of that shape; in the other byte order if they are swapped. Throws `ShapeMismatch`.
func elements(
    _ bytes: UnsafeRawBufferPointer, _ type: ElementType, _ shape: [Int], swapped: Bool = false
) throws -> Values {
    let count = try shape.product()
    guard bytes.count >= count * type.byteCount else { throw ShapeMismatch("\(bytes.count) bytes are no \(shape)") }

    func read<Element: FixedWidthInteger>(_ kind: Element.Type) -> [Element] {
        (0..<count).map { place in
            let stored = bytes.loadUnaligned(fromByteOffset: place * type.byteCount, as: Element.self)
            return swapped ? stored.byteSwapped : stored
        }
    }
    func integers<Element: FixedWidthInteger>(_ kind: Element.Type) throws -> Values {
        try Values(shape, .integers(read(kind).map { Int64($0) }))
    }
    switch type {
    case .float32: return try Values(shape, .floats(read(UInt32.self).map { Float(bitPattern: $0) }))
    case .float16: return try Values(shape, .floats(read(UInt16.self).map { Half.float($0) }))
    case .float64: return try Values(shape, .doubles(read(UInt64.self).map { Double(bitPattern: $0) }))
    case .int8: return try integers(Int8.self)
    case .uint8, .bool: return try integers(UInt8.self)
    case .int16: return try integers(Int16.self)
    case .uint16: return try integers(UInt16.self)
    case .int32: return try integers(Int32.self)
    case .uint32: return try integers(UInt32.self)
    case .int64: return try integers(Int64.self)
    }
}
