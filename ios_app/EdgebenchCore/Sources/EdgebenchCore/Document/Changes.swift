import Foundation

/// The lines of `changes.jsonl`, which the host follows; each is written whole and at once.
public final class Changes: @unchecked Sendable {
    private let file: FileHandle
    private let lock = NSLock()
    private var ended = false

    /// Go on at the end of a file. Throws where it cannot be opened.
    public init(_ url: URL) throws {
        if !FileManager.default.fileExists(atPath: url.path) { try Data().write(to: url) }
        file = try FileHandle(forUpdating: url)
        let length = try file.seekToEnd()
        guard length > 0 else { return }
        try file.seek(toOffset: length - 1)
        let cutShort = try file.read(upToCount: 1) != Data("\n".utf8)
        try file.seekToEnd()
        if cutShort { try write("\n") }
    }

    deinit { try? file.close() }

    public func hello(contract: String, app: String) throws {
        try send(["hello": ["contract": Json(contract), "app": Json(app)]])
    }

    /// The next job; `about` is its slot or its index.
    public func begin(_ kind: String, _ about: JsonObject) throws {
        try send(["begin": .object(JsonObject([("kind", Json(kind))]).with(about))])
    }

    /// A part of the result, and the files that it names for the first time.
    public func change(_ change: JsonObject, files: [String: OutputFile] = [:]) throws {
        let listed = files.sorted { $0.key < $1.key }.map { name, file in
            (name, ["sha256": Json(file.sha256), "size_bytes": Json(file.sizeBytes)] as Json)
        }
        try send(["change": .object(change), "files": .object(JsonObject(listed))])
    }

    public func event(_ name: String, done: Int, total: Int) throws {
        try send(["event": Json(name), "done": Json(done), "total": Json(total)])
    }

    /// The last line. What comes after it, from another thread, is not written.
    public func end(_ status: String, reason: String? = nil) throws {
        try send(["end": ["status": Json(status), "reason": Json(reason) { Json($0) }]], last: true)
    }

    private func send(_ fields: JsonObject, last: Bool = false) throws {
        lock.lock()
        defer { lock.unlock() }
        if ended { return }
        try write(Json.object(fields).line + "\n")
        ended = last
    }

    private func write(_ text: String) throws {
        try file.write(contentsOf: Data(text.utf8))
        try file.synchronize()
    }
}

/// What the host checks of a file of outputs.
public struct OutputFile: Sendable {
    public let sha256: String
    public let sizeBytes: Int
}
