import Foundation

/// What stands before the data of an .npy file: its type, its byte order and its shape, in the order of C.
public struct NpyHeader: Sendable, Equatable {
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    private static let codes: [(String, ElementType)] = [
        ("f4", .float32), ("f2", .float16), ("f8", .float64), ("i1", .int8), ("u1", .uint8), ("i2", .int16),
        ("u2", .uint16), ("i4", .int32), ("u4", .uint32), ("i8", .int64), ("b1", .bool),
    ]
    private static let largest = 1_000_000

    public let type: ElementType
    public let bigEndian: Bool
    public let shape: [Int]

    public init(type: ElementType, shape: [Int], bigEndian: Bool = false) {
        self.type = type
        self.shape = shape
        self.bigEndian = bigEndian
    }

    /// The header of a file that is written, in little-endian; a multiple of 64 bytes.
    public func bytes() -> Data {
        let sides = shape.count == 1 ? "\(shape[0])," : shape.map(String.init).joined(separator: ", ")
        let code = Self.codes.first { $0.1 == type }?.0 ?? ""
        let mark = type.byteCount == 1 ? "|" : "<"
        let text = "{'descr': '\(mark)\(code)', 'fortran_order': False, 'shape': (\(sides)), }"
        let start = Self.magic.count + 4
        let length = (start + text.utf8.count + 1 + 63) / 64 * 64 - start
        let padding = String(repeating: " ", count: length - 1 - text.utf8.count)
        return Data(
            Self.magic + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + Array((text + padding + "\n").utf8))
    }

    /// Read a header, of the format's version 1 or 2; `read` gives that many bytes. Throws `InvalidDocument`.
    static func read(_ read: (Int) throws -> [UInt8]) throws -> NpyHeader {
        let start = try read(magic.count + 2)
        guard start.starts(with: magic) else { throw InvalidDocument("not an .npy file") }
        let size = try read(start[magic.count] == 1 ? 2 : 4)
        let length = size.reversed().reduce(0) { $0 << 8 | Int($1) }
        guard (1...largest).contains(length) else {
            throw InvalidDocument("an .npy file with a header of \(length) bytes")
        }
        return try parse(String(decoding: try read(length), as: UTF8.self))
    }

    private static func parse(_ text: String) throws -> NpyHeader {
        // The header is a literal of Python with three names; the order of them is not fixed.
        guard let descr = text.firstMatch(of: /'descr':\s*'([<>|=])([a-z][0-9]+)'/) else {
            throw InvalidDocument(
                "an .npy file of another kind: \(text.trimmingCharacters(in: .whitespacesAndNewlines))")
        }
        guard let type = codes.first(where: { $0.0 == descr.2 })?.1 else {
            throw InvalidDocument("an .npy file of the type \(descr.2)")
        }
        guard text.firstMatch(of: /'fortran_order':\s*False/) != nil else {
            throw InvalidDocument("an .npy file by columns")
        }
        guard let sides = text.firstMatch(of: /'shape':\s*\(([0-9, ]*)\)/)?.1 else {
            throw InvalidDocument("an .npy file without a shape")
        }
        let shape = sides.split(whereSeparator: { $0 == "," || $0 == " " }).map { Int($0) ?? -1 }
        guard (try? shape.product()) != nil else { throw InvalidDocument("an .npy file of the shape (\(sides))") }
        return NpyHeader(type: type, shape: shape, bigEndian: descr.1 == ">")
    }
}
