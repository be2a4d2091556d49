/// A place in a document, which says in errors where it is. Fields that nobody asks for are ignored.
public struct Fields: Sendable {
    public let json: Json
    private let place: String

    public init(_ json: Json, _ place: String) {
        self.json = json
        self.place = place
    }

    /// A field, or its absence: a missing field is read as null. Throws `InvalidDocument`, as all that follow.
    public subscript(name: String) -> Fields {
        get throws {
            guard case .object(let fields) = json else { throw invalid("an object") }
            return Fields(fields[name] ?? .null, "\(place).\(name)")
        }
    }

    public func text() throws -> String {
        guard case .text(let text) = json else { throw invalid("a text") }
        return text
    }

    public func flag() throws -> Bool {
        guard case .bool(let value) = json else { throw invalid("true or false") }
        return value
    }

    /// A whole number, in what all of this platform's whole numbers hold.
    public func int() throws -> Int {
        guard case .number(let text) = json, let value = Int32(text) else { throw invalid("a whole number") }
        return Int(value)
    }

    /// A whole number of 64 bits, such as a size in bytes.
    public func long() throws -> Int {
        guard case .number(let text) = json, let value = Int(text) else { throw invalid("a whole number") }
        return value
    }

    public func double() throws -> Double {
        guard case .number(let text) = json, let value = Double(text) else { throw invalid("a number") }
        return value
    }

    public func list<Value>(_ read: (Fields) throws -> Value) throws -> [Value] {
        guard case .list(let items) = json else { throw invalid("a list") }
        return try items.enumerated().map { try read(Fields($1, "\(place)[\($0)]")) }
    }

    /// The names of an object with what `read` makes of their values, in their order.
    public func map<Value>(_ read: (Fields) throws -> Value) throws -> [(name: String, value: Value)] {
        guard case .object(let fields) = json else { throw invalid("an object") }
        return try fields.pairs.map { ($0.name, try read(Fields($0.value, "\(place).\($0.name)"))) }
    }

    /// Whole numbers that are not negative: sides, axes, places.
    public func counts() throws -> [Int] { try list { try $0.count() } }

    /// A whole number that is not negative.
    public func count() throws -> Int {
        let value = try int()
        guard value >= 0 else { throw invalid("a number that is not negative") }
        return value
    }

    /// What is there, or nil where there is nothing.
    public func orNil<Value>(_ read: (Fields) throws -> Value) throws -> Value? {
        json.isNull ? nil : try read(self)
    }

    public func invalid(_ expected: String) -> InvalidDocument { InvalidDocument("\(place): expected \(expected)") }
}

extension Fields {
    /// The root of a document of that name, if it begins with that schema. Throws `InvalidDocument`.
    public static func document(_ bytes: some Collection<UInt8>, _ name: String, _ schema: String) throws -> Fields {
        let root = Fields(try Json(reading: bytes), name)
        let found = try root["schema"].orNil { try $0.text() }
        guard found == schema else {
            throw InvalidDocument("\(name) is of the schema \(found ?? "nobody knows"), this app reads \(schema)")
        }
        return root
    }
}
