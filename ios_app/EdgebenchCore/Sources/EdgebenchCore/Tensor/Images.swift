import Foundation

/// The pixels of an image: red, green and blue, row by row.
public struct Pixels: Sendable {
    public let height: Int
    public let width: Int
    public let rgb: [UInt8]

    /// Throws `ShapeMismatch` where the bytes are not those of height x width pixels.
    public init(height: Int, width: Int, rgb: [UInt8]) throws {
        guard try [height, width, 3].product() == rgb.count else {
            throw ShapeMismatch("\(rgb.count) bytes are no image of \(width) x \(height)")
        }
        self.height = height
        self.width = width
        self.rgb = rgb
    }

    /// How red, green and blue make a grey value (ITU-R BT.601).
    func grey(_ pixel: Int) -> Float {
        0.299 * Float(rgb[3 * pixel]) + 0.587 * Float(rgb[3 * pixel + 1]) + 0.114 * Float(rgb[3 * pixel + 2])
    }

    /// The grey values, rounded: what an input of grey images takes.
    public func greyLevels() -> [UInt8] {
        (0..<height * width).map { UInt8(min(max(grey($0).rounded(.toNearestOrEven), 0), 255)) }
    }

    /// Values in the model's order of axes, with the batch axis. Throws `ShapeMismatch`.
    public func prepared(_ how: Preprocessing) throws -> Values {
        let channels = how.mean.count
        guard channels == 1 || channels == 3, how.std.count == channels else {
            throw ShapeMismatch("an image has no \(channels) channels")
        }
        var planes = [Float](repeating: 0, count: height * width * channels)
        for channel in 0..<channels {
            let (mean, std) = (how.mean[channel], how.std[channel])
            for pixel in 0..<height * width {
                let value = channels == 1 ? grey(pixel) : Float(rgb[3 * pixel + channel])
                planes[channel * height * width + pixel] = (value / 255 - mean) / std
            }
        }
        return try Values([1, channels, height, width], .floats(planes)).transposed(how.axes)
    }
}
