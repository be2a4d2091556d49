/// Decompresses a deflate stream (RFC 1951) piece by piece: it may be larger than the memory.
///
/// Foundation does it on Apple's systems only, and all at once.
struct Inflate {
    struct Damaged: Error {}

    private let input: () throws -> [UInt8]
    private var bytes: [UInt8] = []
    private var at = 0
    private var bits: UInt32 = 0
    private var bitCount = 0
    private var state = State.header
    private var last = false
    private var window = [UInt8](repeating: 0, count: 1 << 15)
    private var written = 0
    private var copying = (length: 0, distance: 0)

    private enum State {
        case header
        case stored(Int)
        case compressed(literals: Huffman, distances: Huffman)
        case end
    }

    /// `input` gives the next bytes of the stream, and none at its end.
    init(input: @escaping () throws -> [UInt8]) { self.input = input }

    /// Up to `count` bytes; fewer only at the end. Throws `Damaged`, and what `input` throws.
    mutating func read(_ count: Int) throws -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(count)
        while out.count < count {
            if copying.length > 0 {
                copying.length -= 1
                put(window[(written - copying.distance) & 0x7FFF], &out)
                continue
            }
            switch state {
            case .end: return out
            case .header: try header()
            case .stored(0): state = last ? .end : .header
            case .stored(let left):
                put(try byte(), &out)
                state = .stored(left - 1)
            case .compressed(let literals, let distances):
                let symbol = try literals.decode(&self)
                if symbol < 256 {
                    put(UInt8(symbol), &out)
                } else if symbol == 256 {
                    state = last ? .end : .header
                } else {
                    try copy(symbol - 257, distances)
                }
            }
        }
        return out
    }

    private mutating func put(_ byte: UInt8, _ out: inout [UInt8]) {
        out.append(byte)
        window[written & 0x7FFF] = byte
        written += 1
    }

    private mutating func header() throws {
        last = try take(1) == 1
        switch try take(2) {
        case 0:
            bits = 0
            bitCount = 0
            let length = Int(try byte()) | Int(try byte()) << 8
            let check = Int(try byte()) | Int(try byte()) << 8
            guard length == ~check & 0xFFFF else { throw Damaged() }
            state = .stored(length)
        case 1: state = .compressed(literals: .fixedLiterals, distances: .fixedDistances)
        case 2: state = try dynamic()
        default: throw Damaged()
        }
    }

    private mutating func dynamic() throws -> State {
        let literals = Int(try take(5)) + 257
        let distances = Int(try take(5)) + 1
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
        var lengths = [UInt8](repeating: 0, count: 19)
        for place in 0..<Int(try take(4)) + 4 { lengths[order[place]] = UInt8(try take(3)) }
        let codes = try Huffman(lengths)
        var found: [UInt8] = []
        while found.count < literals + distances {
            switch try codes.decode(&self) {
            case 16:
                guard let previous = found.last else { throw Damaged() }
                found.append(contentsOf: repeatElement(previous, count: Int(try take(2)) + 3))
            case 17: found.append(contentsOf: repeatElement(0, count: Int(try take(3)) + 3))
            case 18: found.append(contentsOf: repeatElement(0, count: Int(try take(7)) + 11))
            case let length: found.append(UInt8(length))
            }
        }
        guard found.count == literals + distances else { throw Damaged() }
        return .compressed(
            literals: try Huffman(Array(found[..<literals])), distances: try Huffman(Array(found[literals...])))
    }

    private static let lengths = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ]
    private static let distances = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
        6145, 8193, 12289, 16385, 24577,
    ]

    private mutating func copy(_ code: Int, _ table: Huffman) throws {
        guard code < Self.lengths.count else { throw Damaged() }
        let more = code < 8 || code == 28 ? 0 : code / 4 - 1
        let length = Self.lengths[code] + Int(try take(more))
        let far = try table.decode(&self)
        guard far < Self.distances.count else { throw Damaged() }
        let distance = Self.distances[far] + Int(try take(far < 4 ? 0 : far / 2 - 1))
        guard distance <= written else { throw Damaged() }
        copying = (length, distance)
    }

    fileprivate mutating func take(_ count: Int) throws -> UInt32 {
        while bitCount < count {
            bits |= UInt32(try byte()) << UInt32(bitCount)
            bitCount += 8
        }
        let found = bits & (1 << UInt32(count) - 1)
        bits >>= UInt32(count)
        bitCount -= count
        return found
    }

    private mutating func byte() throws -> UInt8 {
        if at == bytes.count {
            bytes = try input()
            at = 0
            guard !bytes.isEmpty else { throw Damaged() }
        }
        at += 1
        return bytes[at - 1]
    }
}

/// A canonical prefix code of at most 15 bits: how many codes of each length, and their symbols in order.
private struct Huffman {
    static let fixedLiterals = made(
        (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
    static let fixedDistances = made([UInt8](repeating: 5, count: 30))

    private var counts = [Int](repeating: 0, count: 16)
    private var symbols: [Int] = []

    private init() {}

    /// Throws `Inflate.Damaged` for more codes than there can be.
    init(_ lengths: [UInt8]) throws {
        self = Self.made(lengths)
        var left = 1
        for length in 1...15 {
            left = 2 * left - counts[length]
            guard left >= 0 else { throw Inflate.Damaged() }
        }
    }

    private static func made(_ lengths: [UInt8]) -> Huffman {
        var code = Huffman()
        for length in lengths where length > 0 { code.counts[Int(length)] += 1 }
        code.symbols = lengths.indices.filter { lengths[$0] > 0 }.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
        return code
    }

    func decode(_ stream: inout Inflate) throws -> Int {
        var (code, first, index) = (0, 0, 0)
        for length in 1...15 {
            code |= Int(try stream.take(1))
            let count = counts[length]
            if code - count < first { return symbols[index + code - first] }
            index += count
            first = (first + count) << 1
            code <<= 1
        }
        throw Inflate.Damaged()
    }
}
