import Foundation

/// One file of a ZIP archive, read as a stream. NumPy writes them as they are or deflated; large ones have 64-bit sizes.
final class ZipMember {
    struct Unreadable: DescribedError {
        let description: String
    }

    private let file: FileHandle
    private var left: Int
    private var inflate: Inflate?

    /// Throws `Unreadable`, and what opening the file throws.
    init(_ name: String, of archive: URL) throws {
        file = try FileHandle(forReadingFrom: archive)
        let entry = try Directory(file).entry(name)
        try file.seek(toOffset: UInt64(entry.offset))
        let header = try Bytes(file, 30)
        guard header.number(0, 4) == 0x0403_4B50 else { throw Unreadable(description: "the archive is damaged") }
        try file.seek(toOffset: UInt64(entry.offset + 30 + header.number(26, 2) + header.number(28, 2)))
        left = entry.compressed
        switch entry.method {
        case 0: break
        case 8: inflate = Inflate { [unowned self] in try self.stored(1 << 16) }
        default: throw Unreadable(description: "\(name) is compressed in another way")
        }
    }

    deinit { try? file.close() }

    /// Up to `count` bytes; fewer only at the end. Throws `Unreadable`.
    func read(_ count: Int) throws -> [UInt8] {
        guard inflate == nil else {
            do {
                return try inflate?.read(count) ?? []
            } catch is Inflate.Damaged {
                throw Unreadable(description: "the archive is damaged")
            }
        }
        return try stored(count)
    }

    private func stored(_ count: Int) throws -> [UInt8] {
        let found = try file.read(upToCount: min(count, left)) ?? Data()
        left -= found.count
        return [UInt8](found)
    }

    /// Numbers of a record, little-endian, by their place.
    private struct Bytes {
        let bytes: [UInt8]

        init(_ file: FileHandle, _ count: Int) throws {
            bytes = [UInt8](try file.read(upToCount: count) ?? Data())
            guard bytes.count == count else { throw Unreadable(description: "the archive is cut off") }
        }

        func number(_ place: Int, _ size: Int) -> Int {
            guard place + size <= bytes.count else { return 0 }
            return Int(
                truncatingIfNeeded: bytes[place..<place + size].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        }
    }

    private struct Entry {
        let method: Int
        let compressed: Int
        let offset: Int
    }

    /// The list of the files at the archive's end (APPNOTE.TXT, 4.3.12 to 4.3.16).
    private struct Directory {
        private let file: FileHandle
        private var count = 0
        private var offset = 0

        init(_ file: FileHandle) throws {
            self.file = file
            let size = Int(try file.seekToEnd())
            let start = max(size - 65557, 0)
            try file.seek(toOffset: UInt64(start))
            let tail = try Bytes(file, size - start)
            let places = stride(from: tail.bytes.count - 22, through: 0, by: -1)
            // A comment ends the archive, in which anything may stand.
            let isEnd = { (place: Int) in
                tail.number(place, 4) == 0x0605_4B50 && place + 22 + tail.number(place + 20, 2) == tail.bytes.count
            }
            guard let end = places.first(where: isEnd) else {
                throw Unreadable(description: "it is no ZIP archive")
            }
            count = tail.number(end + 10, 2)
            offset = tail.number(end + 16, 4)
            if end >= 20, tail.number(end - 20, 4) == 0x0706_4B50 {
                try seek(tail.number(end - 12, 8), size)
                let large = try Bytes(file, 56)
                count = large.number(32, 8)
                offset = large.number(48, 8)
            }
            try seek(offset, size)
        }

        private func seek(_ place: Int, _ size: Int) throws {
            guard (0...size).contains(place) else { throw Unreadable(description: "the archive is damaged") }
            try file.seek(toOffset: UInt64(place))
        }

        /// The entry of that name; the list is read from its beginning, once.
        func entry(_ name: String) throws -> Entry {
            for _ in 0..<max(count, 0) {
                let header = try Bytes(file, 46)
                guard header.number(0, 4) == 0x0201_4B50 else {
                    throw Unreadable(description: "the archive is damaged")
                }
                let found = try Bytes(file, header.number(28, 2))
                let extra = try Bytes(file, header.number(30, 2))
                _ = try Bytes(file, header.number(32, 2))
                guard found.bytes == Array(name.utf8) else { continue }
                var sizes = [header.number(24, 4), header.number(20, 4), header.number(42, 4)]
                var place = Self.large(extra)
                for one in sizes.indices where sizes[one] == 0xFFFF_FFFF {
                    sizes[one] = extra.number(place, 8)
                    place += 8
                }
                guard sizes.allSatisfy({ $0 >= 0 }) else { throw Unreadable(description: "the archive is damaged") }
                return Entry(method: header.number(10, 2), compressed: sizes[1], offset: sizes[2])
            }
            throw Unreadable(description: "there is no \(name) in the archive")
        }

        /// Where the 64-bit sizes stand among the additional fields.
        private static func large(_ extra: Bytes) -> Int {
            var place = 0
            while place + 4 <= extra.bytes.count, extra.number(place, 2) != 1 {
                place += 4 + extra.number(place + 2, 2)
            }
            return place + 4
        }
    }
}
