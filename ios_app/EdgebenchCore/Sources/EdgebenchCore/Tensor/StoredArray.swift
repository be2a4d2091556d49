import Foundation

/// An array (N, ...) of an .npz file, read row by row: it may be larger than the memory.
public final class StoredArray {
    private let file: URL
    private let row: String
    private let member: ZipMember

    /// The type and shape of the whole.
    public let header: NpyHeader

    /// `row` is what a row is called in errors. Throws `RunnerError`.
    public init(_ file: URL, _ name: String, row: String) throws {
        self.file = file
        self.row = row
        do {
            let member = try ZipMember("\(name).npy", of: file)
            header = try NpyHeader.read { count in
                let bytes = try member.read(count)
                guard bytes.count == count else { throw InvalidDocument("\(name).npy ends within its header") }
                return bytes
            }
            self.member = member
            guard !header.shape.isEmpty else { throw InvalidDocument("\(name).npy has no rows") }
        } catch {
            throw RunnerError("\(file.path) has no \(row)s that can be read (\(sentence(error)))")
        }
    }

    public var count: Int { header.shape[0] }

    public var rowShape: [Int] { Array(header.shape.dropFirst()) }

    /// The next row. Throws `RunnerError` where the file ends within it.
    public func next() throws -> Values {
        try nextBytes().withUnsafeBytes {
            try elements($0, header.type, rowShape, swapped: header.bigEndian == (1.littleEndian == 1))
        }
    }

    /// The bytes of the next row.
    public func nextBytes() throws -> [UInt8] {
        let size = try rowShape.product() * header.type.byteCount
        let bytes: [UInt8]
        do {
            bytes = try member.read(size)
        } catch {
            throw RunnerError("\(file.path) has no \(row)s that can be read (\(sentence(error)))")
        }
        guard bytes.count == size else { throw RunnerError("\(file.path) ends within its \(row)s") }
        return bytes
    }
}
