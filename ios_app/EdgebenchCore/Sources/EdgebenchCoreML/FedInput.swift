#if canImport(CoreML)
import CoreML
import CoreVideo
import EdgebenchCore
import Foundation

/// An input in memory of its own: an array, or an image.
struct FedInput {
    let tensor: Tensor
    let value: MLFeatureValue
    private let memory: Memory

    private enum Memory {
        case array(MLMultiArray)
        case image(CVPixelBuffer)
    }

    var isImage: Bool { if case .image = memory { true } else { false } }

    /// Throws `RunnerError` for an input of another kind.
    init(_ description: MLFeatureDescription) throws {
        let name = description.name
        if let constraint = description.imageConstraint {
            let grey = constraint.pixelFormatType == kCVPixelFormatType_OneComponent8
            guard grey || constraint.pixelFormatType == kCVPixelFormatType_32BGRA else {
                throw RunnerError("the app has no images of the kind that the input \(name) takes")
            }
            let buffer = try PixelBuffer.make(
                constraint.pixelsWide, constraint.pixelsHigh, constraint.pixelFormatType)
            let kind = Tensor.Kind.image(height: constraint.pixelsHigh, width: constraint.pixelsWide, grey: grey)
            let shape = [1, grey ? 1 : 3, constraint.pixelsHigh, constraint.pixelsWide]
            tensor = Tensor(name: name, shape: shape, type: .uint8, kind: kind)
            value = MLFeatureValue(pixelBuffer: buffer)
            memory = .image(buffer)
        } else if let constraint = description.multiArrayConstraint {
            let array = try MLMultiArray(shape: constraint.shape, dataType: constraint.dataType)
            let shape = constraint.shape.map(\.intValue)
            tensor = Tensor(name: name, shape: shape, type: try elementType(constraint.dataType))
            value = MLFeatureValue(multiArray: array)
            memory = .array(array)
        } else {
            throw RunnerError("the input \(name) is neither an image nor an array")
        }
    }

    /// Throws `ShapeMismatch`.
    func set(_ values: Values) throws {
        guard case .array(let array) = memory else { throw ShapeMismatch("the input \(tensor.name) takes images") }
        try array.withUnsafeMutableBytes { bytes, _ in try tensor.encode(values, into: bytes) }
    }

    /// Throws `ShapeMismatch`.
    func set(_ image: Pixels) throws {
        guard case .image(let buffer) = memory, case .image(let height, let width, let grey) = tensor.kind,
            image.height == height, image.width == width
        else { throw ShapeMismatch("the input \(tensor.name) takes no image of \(image.width) x \(image.height)") }
        try PixelBuffer.fill(buffer, image, grey: grey)
    }
}

enum PixelBuffer {
    /// Throws `RunnerError` where there is no memory for it.
    static func make(_ width: Int, _ height: Int, _ format: OSType) throws -> CVPixelBuffer {
        // Memory that the GPU and the Neural Engine can read as it is.
        let attributes = [kCVPixelBufferIOSurfacePropertiesKey as String: [String: Any]()] as CFDictionary
        var buffer: CVPixelBuffer?
        guard CVPixelBufferCreate(nil, width, height, format, attributes, &buffer) == kCVReturnSuccess, let buffer
        else {
            throw RunnerError("there is no memory for an image of \(width) x \(height)")
        }
        return buffer
    }

    static func fill(_ buffer: CVPixelBuffer, _ image: Pixels, grey: Bool) throws {
        CVPixelBufferLockBaseAddress(buffer, [])
        defer { CVPixelBufferUnlockBaseAddress(buffer, []) }
        guard let base = CVPixelBufferGetBaseAddress(buffer) else { throw RunnerError("an image has no memory") }
        let rowBytes = CVPixelBufferGetBytesPerRow(buffer)
        let levels = grey ? image.greyLevels() : []
        for y in 0..<image.height {
            let row = (base + y * rowBytes).assumingMemoryBound(to: UInt8.self)
            for x in 0..<image.width {
                let pixel = y * image.width + x
                if grey {
                    row[x] = levels[pixel]
                } else {
                    row[4 * x] = image.rgb[3 * pixel + 2]
                    row[4 * x + 1] = image.rgb[3 * pixel + 1]
                    row[4 * x + 2] = image.rgb[3 * pixel]
                    row[4 * x + 3] = 255
                }
            }
        }
    }
}
#endif
