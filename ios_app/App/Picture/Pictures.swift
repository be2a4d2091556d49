import CoreGraphics
import EdgebenchCore
import Foundation
import ImageIO

enum Pictures {
    /// No model sees more, and large photos would take the memory of a small phone.
    private static let longestSide = 2048

    /// A picture upright, as bytes and as an image. Throws `RunnerError`. It takes some tenths of a second.
    static func read(_ data: Data) async throws -> (Picture, CGImage) {
        let options =
            [
                kCGImageSourceCreateThumbnailFromImageAlways: true,
                kCGImageSourceCreateThumbnailWithTransform: true,
                kCGImageSourceThumbnailMaxPixelSize: longestSide,
            ] as CFDictionary
        guard let source = CGImageSourceCreateWithData(data as CFData, nil),
            let image = CGImageSourceCreateThumbnailAtIndex(source, 0, options)
        else { throw RunnerError("The picture cannot be read.") }
        return (try bytes(image), image)
    }

    private static func bytes(_ image: CGImage) throws -> Picture {
        let (width, height) = (image.width, image.height)
        var bgra = [UInt8](repeating: 0, count: 4 * width * height)
        let layout = CGImageAlphaInfo.noneSkipFirst.rawValue | CGBitmapInfo.byteOrder32Little.rawValue
        let drawn = bgra.withUnsafeMutableBytes { bytes in
            let context = CGContext(
                data: bytes.baseAddress, width: width, height: height, bitsPerComponent: 8, bytesPerRow: 4 * width,
                space: CGColorSpaceCreateDeviceRGB(), bitmapInfo: layout)
            context?.draw(image, in: CGRect(x: 0, y: 0, width: width, height: height))
            return context != nil
        }
        guard drawn else { throw RunnerError("The picture cannot be drawn.") }
        return Picture(width: width, height: height, rowBytes: 4 * width, bgra: bgra)
    }
}
