import Foundation

/// What a plan has produced so far: the host's result, changed part by part and kept beside the changes.
public struct RunResult {
    public static let schema = "edgebench.result/4"

    private var body: JsonObject
    private let file: URL

    /// The result in `bytes`, or an empty one without it. Throws `InvalidDocument` if it is another plan's.
    public init(reading bytes: Data?, planSha256: String, file: URL) throws {
        self.file = file
        guard let bytes else {
            body = Self.empty(planSha256)
            return
        }
        let root = try Fields.document(bytes, "result.json", Self.schema)
        guard try root["plan_sha256"].text() == planSha256 else {
            throw InvalidDocument("result.json belongs to another plan")
        }
        _ = try root["evaluations"].map { one in
            if one.json.fields == nil { throw one.invalid("an object") }
        }
        _ = try root["blocks"].list { try $0["index"].int() }
        body = root.json.fields ?? JsonObject()
    }

    public var hasContext: Bool { body["context"]?.fields != nil }

    /// The evaluations by slot, in the order in which they were made.
    public var evaluations: [(slot: String, entry: JsonObject)] {
        (body["evaluations"]?.fields?.pairs ?? []).compactMap { pair in pair.value.fields.map { (pair.name, $0) } }
    }

    public func evaluation(_ slot: String) -> JsonObject? { body["evaluations"]?.fields?[slot]?.fields }

    public var blocks: [JsonObject] {
        guard case .list(let items)? = body["blocks"] else { return [] }
        return items.compactMap(\.fields)
    }

    /// The numbers of the blocks that were measured, or have failed.
    public var doneBlocks: Set<Int> { Set(blocks.compactMap(Self.index)) }

    /// Apply a change, in the form in which it is told to the host, and replace the file. Throws where it cannot.
    public mutating func apply(_ change: JsonObject) throws {
        for (name, part) in change.pairs {
            switch name {
            case "block": body["blocks"] = .list(blocks(with: part))
            case "evaluations":
                let known = body["evaluations"]?.fields ?? JsonObject()
                body["evaluations"] = .object(known.with(part.fields ?? JsonObject()))
            default: body[name] = part
            }
        }
        body["updated"] = Json(Self.now())
        try Data(Json.object(body).line.utf8).write(to: file, options: .atomic)
    }

    private func blocks(with block: Json) -> [Json] {
        let own = block.fields.flatMap(Self.index)
        let others = blocks.filter { Self.index($0) != own }.map { Json.object($0) }
        return (others + [block]).sorted { Self.index($0.fields) ?? 0 < Self.index($1.fields) ?? 0 }
    }

    private static func index(_ block: JsonObject?) -> Int? {
        guard case .number(let text)? = block?["index"] else { return nil }
        return Int(text)
    }

    private static func empty(_ planSha256: String) -> JsonObject {
        [
            "schema": Json(schema),
            "plan_sha256": Json(planSha256),
            "started": Json(now()),
            "updated": Json(now()),
            "complete": .bool(false),
            "context": .null,
            "start_temperatures_c": .null,
            "cooled_s": Json(0.0),
            "evaluations": [:],
            "blocks": .list([]),
        ]
    }

    private static func now() -> String { Date().ISO8601Format() }
}

extension JsonObject {
    /// Whether an evaluation or a block failed.
    public var hasFailed: Bool { !(self["error"] ?? .null).isNull }
}
