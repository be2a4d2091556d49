import Foundation

@testable import EdgebenchCore

/// The cases that every implementation of edgebench's documents is tested with.
func vectors(_ name: String) throws -> [Fields] {
    let repository = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../..").standardizedFileURL
    let file = repository.appendingPathComponent("deploy/documents/schemas/\(name)")
    return try Fields(Json(reading: Data(contentsOf: file)), name)["cases"].list { $0 }
}

extension Fields {
    /// Nested lists of numbers, in the order of C.
    func nested() throws -> [Double] {
        if case .list = json { return try list { try $0.nested() }.flatMap { $0 } }
        return [try double()]
    }

    /// Nested lists as single precision floats of that shape.
    func floats(_ shape: [Int]) throws -> Values { try Values(shape, .floats(nested().map { Float($0) })) }
}

extension Values {
    static func floats(_ shape: [Int], _ data: [Float]) throws -> Values { try Values(shape, .floats(data)) }

    var doubles: [Double] { (0..<count).map(double) }
}

/// A folder that is removed with its owner.
final class Folder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// Write a file, with the folders that it is in.
    func write(_ name: String, _ text: String) throws {
        let file = url.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }
}
