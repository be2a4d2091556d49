#if canImport(CoreML)
import CoreML
import EdgebenchCore

/// Throws `RunnerError` for a type that the app does not know.
func elementType(_ type: MLMultiArrayDataType) throws -> ElementType {
    switch type {
    case .float32: .float32
    case .float16: .float16
    case .double: .float64
    case .int32: .int32
    default: throw RunnerError("the app has no arrays of the type \(type.rawValue)")
    }
}

/// The real values of an array, whose rows may lie apart in memory. Throws `ShapeMismatch`.
func values(_ array: MLMultiArray, _ tensor: Tensor) throws -> Values {
    let shape = array.shape.map(\.intValue)
    let strides = array.strides.map(\.intValue)
    return try array.withUnsafeBytes { bytes in
        if isContiguous(shape, strides) { return try tensor.decode(bytes) }
        let size = tensor.type.byteCount
        var packed: [UInt8] = []
        packed.reserveCapacity(array.count * size)
        var index = [Int](repeating: 0, count: shape.count)
        for _ in 0..<array.count {
            let start = zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 } * size
            packed.append(contentsOf: bytes[start..<start + size])
            for axis in shape.indices.reversed() {
                index[axis] += 1
                if index[axis] < shape[axis] { break }
                index[axis] = 0
            }
        }
        return try packed.withUnsafeBytes { try tensor.decode($0) }
    }
}

private func isContiguous(_ shape: [Int], _ strides: [Int]) -> Bool {
    var step = 1
    for (side, stride) in zip(shape, strides).reversed() {
        if side > 1, stride != step { return false }
        step *= side
    }
    return true
}
#endif
