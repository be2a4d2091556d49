/// A JSON value (RFC 8259). Numbers keep their text and objects their order, so that reading and writing change neither.
public enum Json: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(String)
    case text(String)
    case list([Json])
    case object(JsonObject)

    public init(_ value: Bool) { self = .bool(value) }

    public init(_ value: some BinaryInteger) { self = .number(String(value)) }

    /// JSON has no NaN and no infinity: they become null.
    public init(_ value: Double) { self = value.isFinite ? .number(String(value)) : .null }

    public init(_ value: String) { self = .text(value) }

    public init(_ values: [Json]) { self = .list(values) }

    public init(_ values: [some BinaryInteger]) { self = .list(values.map { Json($0) }) }

    public init(_ values: [String]) { self = .list(values.map { Json($0) }) }

    /// What `make` gives for a value, and null where there is none.
    public init<Value>(_ value: Value?, _ make: (Value) -> Json) { self = value.map(make) ?? .null }

    public var isNull: Bool { self == .null }

    /// The fields of an object, and nothing of any other value.
    public var fields: JsonObject? {
        if case .object(let object) = self { return object }
        return nil
    }
}

/// The fields of an object, in their order.
public struct JsonObject: Sendable, Equatable {
    public private(set) var names: [String] = []
    private var values: [String: Json] = [:]

    public init() {}

    public subscript(name: String) -> Json? {
        get { values[name] }
        set {
            if values[name] == nil, newValue != nil { names.append(name) }
            if newValue == nil { names.removeAll { $0 == name } }
            values[name] = newValue
        }
    }

    /// Name and value of each field, in their order.
    public var pairs: [(name: String, value: Json)] { names.map { ($0, values[$0] ?? .null) } }

    /// The same object with the fields of another one set.
    public func with(_ changed: JsonObject) -> JsonObject {
        var made = self
        for (name, value) in changed.pairs { made[name] = value }
        return made
    }
}

extension Json: ExpressibleByNilLiteral, ExpressibleByDictionaryLiteral, ExpressibleByStringLiteral {
    public init(nilLiteral: ()) { self = .null }

    public init(dictionaryLiteral elements: (String, Json)...) { self = .object(JsonObject(elements)) }

    public init(stringLiteral value: String) { self = .text(value) }
}

extension JsonObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, Json)...) { self.init(elements) }

    public init(_ elements: [(String, Json)]) {
        for (name, value) in elements { self[name] = value }
    }
}

/// A document that cannot be read: where, and what was expected there.
public struct InvalidDocument: DescribedError {
    public let description: String

    public init(_ description: String) { self.description = description }
}
