extension Json {
    /// The value of a whole text in UTF-8. Throws `InvalidDocument`.
    public init(reading bytes: some Collection<UInt8>) throws {
        var reader = JsonReader(bytes: Array(bytes))
        self = try reader.document()
    }

    public init(reading text: String) throws { try self.init(reading: text.utf8) }
}

/// A strict reader of one JSON text.
private struct JsonReader {
    private static let deepest = 200

    let bytes: [UInt8]
    private var at = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws -> Json {
        let found = try value(0)
        skipSpace()
        guard at == bytes.count else { throw unexpected("the end") }
        return found
    }

    private mutating func value(_ depth: Int) throws -> Json {
        guard depth <= Self.deepest else { throw unexpected("less than \(Self.deepest) levels") }
        skipSpace()
        switch try peek() {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try list(depth)
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object(_ depth: Int) throws -> Json {
        var found = JsonObject()
        try items("{", "}") { reader in
            reader.skipSpace()
            let name = try reader.string()
            reader.skipSpace()
            try reader.take(":")
            guard found[name] == nil else { throw reader.unexpected("a name that is not yet there, not '\(name)'") }
            found[name] = try reader.value(depth + 1)
        }
        return .object(found)
    }

    private mutating func list(_ depth: Int) throws -> Json {
        var found: [Json] = []
        try items("[", "]") { reader in found.append(try reader.value(depth + 1)) }
        return .list(found)
    }

    private mutating func items(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ item: (inout JsonReader) throws -> Void
    ) throws {
        try take(open)
        skipSpace()
        if try peek() == UInt8(ascii: close) {
            at += 1
            return
        }
        while true {
            try item(&self)
            skipSpace()
            if try peek() == UInt8(ascii: close) {
                at += 1
                return
            }
            try take(",")
        }
    }

    private mutating func string() throws -> String {
        try take("\"")
        var made: [UInt8] = []
        while true {
            let next = try next("the end of a string")
            switch next {
            case UInt8(ascii: "\""):
                guard let text = String(validating: made, as: UTF8.self) else { throw unexpected("UTF-8") }
                return text
            case UInt8(ascii: "\\"): made.append(contentsOf: try escaped())
            case 0..<0x20: throw unexpected("no control character in a string")
            default: made.append(next)
            }
        }
    }

    private mutating func escaped() throws -> [UInt8] {
        let next = try next("an escape")
        switch next {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [next]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return Array(String(try scalar()).utf8)
        default: throw unexpected("an escape")
        }
    }

    /// The character of one `\u` escape or of two that are a pair; half of a pair is the replacement character.
    private mutating func scalar() throws -> Character {
        let unit = try hexadecimal()
        if let single = Unicode.Scalar(unit) { return Character(single) }
        let low = at
        if unit < 0xDC00, bytes[at...].starts(with: "\\u".utf8) {
            at += 2
            let other = try hexadecimal()
            if (0xDC00..<0xE000).contains(other) {
                let pair = 0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(other) - 0xDC00)
                return Character(Unicode.Scalar(pair) ?? "\u{FFFD}")
            }
            at = low
        }
        return "\u{FFFD}"
    }

    private mutating func hexadecimal() throws -> UInt16 {
        let digits = bytes[at..<min(at + 4, bytes.count)]
        guard digits.count == 4, !digits.contains(UInt8(ascii: "+")),
            let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw unexpected("four hexadecimal digits") }
        at += 4
        return unit
    }

    private mutating func number() throws -> Json {
        let start = at
        if at < bytes.count, bytes[at] == UInt8(ascii: "-") { at += 1 }
        let first = at
        guard skipDigits() > 0 else { throw unexpected("a value", at: start) }
        guard bytes[first] != UInt8(ascii: "0") || at == first + 1 else { throw unexpected("a value", at: start) }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            at += 1
            guard skipDigits() > 0 else { throw unexpected("a value", at: start) }
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
            guard skipDigits() > 0 else { throw unexpected("a value", at: start) }
        }
        return .number(String(decoding: bytes[start..<at], as: UTF8.self))
    }

    private mutating func skipDigits() -> Int {
        let start = at
        while at < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[at]) { at += 1 }
        return at - start
    }

    private mutating func word(_ word: String, _ value: Json) throws -> Json {
        guard bytes[at...].starts(with: word.utf8) else { throw unexpected("a value") }
        at += word.utf8.count
        return value
    }

    private mutating func skipSpace() {
        while at < bytes.count, [0x20, 0x09, 0x0D, 0x0A].contains(bytes[at]) { at += 1 }
    }

    private func peek() throws -> UInt8 {
        guard at < bytes.count else { throw unexpected("more") }
        return bytes[at]
    }

    private mutating func next(_ expected: String) throws -> UInt8 {
        guard at < bytes.count else { throw unexpected(expected) }
        at += 1
        return bytes[at - 1]
    }

    private mutating func take(_ wanted: Unicode.Scalar) throws {
        guard at < bytes.count, bytes[at] == UInt8(ascii: wanted) else { throw unexpected("'\(wanted)'") }
        at += 1
    }

    private func unexpected(_ expected: String, at place: Int? = nil) -> InvalidDocument {
        InvalidDocument("not JSON: expected \(expected) at byte \(place ?? at)")
    }
}
