/// The largest part of an upright picture with the shape of a model's input, in its middle.
///
/// A pixel of the input is the nearest of the picture.
public struct Crop: Sendable, Equatable {
    public let width: Int
    public let height: Int
    public let toWidth: Int
    public let toHeight: Int

    /// From a picture of `width` x `height` to an input of `toWidth` x `toHeight`; all sides are at least one.
    public init(width: Int, height: Int, toWidth: Int, toHeight: Int) {
        self.width = width
        self.height = height
        self.toWidth = toWidth
        self.toHeight = toHeight
    }

    /// The side of an input's pixel, in pixels of the picture.
    public var scale: Double { min(Double(width) / Double(toWidth), Double(height) / Double(toHeight)) }

    /// Where the part begins in the picture.
    public var left: Double { (Double(width) - scale * Double(toWidth)) / 2 }
    public var top: Double { (Double(height) - scale * Double(toHeight)) / 2 }

    /// The picture's column of a column of the input, and its row of a row.
    public func column(_ x: Int) -> Int { min(Int(left + (Double(x) + 0.5) * scale), width - 1) }
    public func row(_ y: Int) -> Int { min(Int(top + (Double(y) + 0.5) * scale), height - 1) }

    /// The part as pixels, from four bytes for each pixel: blue, green, red and one that is not used.
    ///
    /// `rowBytes` are the bytes from one row to the next. Throws `ShapeMismatch` for too few bytes.
    public func pixels(bgra: UnsafeRawBufferPointer, rowBytes: Int) throws -> Pixels {
        guard rowBytes >= 4 * width, bgra.count >= rowBytes * (height - 1) + 4 * width else {
            throw ShapeMismatch("\(bgra.count) bytes are no picture of \(width) x \(height)")
        }
        let columns = (0..<toWidth).map { 4 * column($0) }
        var rgb = [UInt8](repeating: 0, count: toHeight * toWidth * 3)
        var place = 0
        for y in 0..<toHeight {
            let start = row(y) * rowBytes
            for column in columns {
                rgb[place] = bgra[start + column + 2]
                rgb[place + 1] = bgra[start + column + 1]
                rgb[place + 2] = bgra[start + column]
                place += 3
            }
        }
        return try Pixels(height: toHeight, width: toWidth, rgb: rgb)
    }
}
