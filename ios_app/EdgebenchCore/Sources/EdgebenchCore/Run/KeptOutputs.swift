import Foundation

/// What is kept of the outputs of one slot, written image by image.
///
/// The files stand under their names once `finish` was called; those that were not finished are removed.
final class KeptOutputs {
    /// The path of each role's file in the folder.
    let names: [(role: String, name: String)]

    private let kept: [KeptOutput]
    private let folder: URL
    private let images: Int
    private var files: [String: FileHandle] = [:]
    private var added = 0

    /// Throws `ShapeMismatch`, and where the files cannot be written.
    init(_ kept: [KeptOutput], _ folder: URL, slot: String, images: Int) throws {
        self.kept = kept
        self.folder = folder
        self.images = images
        names = kept.map { ($0.role, "outputs/\(slot)/\(quoted($0.role)).npy") }
        for (one, name) in zip(kept, names) {
            let part = part(name.name)
            try FileManager.default.createDirectory(
                at: part.deletingLastPathComponent(), withIntermediateDirectories: true)
            let header = NpyHeader(type: try one.reduction.type(), shape: [images] + one.reduction.shape)
            try header.bytes().write(to: part)
            let file = try FileHandle(forWritingTo: part)
            try file.seekToEnd()
            files[one.role] = file
        }
    }

    deinit {
        for (role, name) in names where files[role] != nil { try? FileManager.default.removeItem(at: part(name)) }
    }

    /// Add one image. Throws `RunnerError` for values that are not finite or do not fit the plan.
    func add(_ output: (KeptOutput) throws -> Values) throws {
        var raw: [String: Values] = [:]
        var onnx: [String: Values] = [:]
        for one in kept where raw[one.output] == nil {
            let values = try output(one)
            try requireFinite(one.output, values, " for image \(added)")
            raw[one.output] = values
        }
        do {
            for one in kept where onnx[one.output] == nil {
                onnx[one.output] = try raw[one.output].map(one.inOnnxOrder)
            }
            for one in kept {
                let values = try one.reduction.apply(to: one.output, of: onnx)
                try files[one.role]?.write(contentsOf: try one.reduction.bytes(values))
            }
        } catch let error as ShapeMismatch {
            let shapes = raw.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.shape)" }.joined(separator: ", ")
            throw RunnerError("the plan does not fit the outputs \(shapes): \(error)")
        }
        added += 1
    }

    /// Flush the files and give them their names: what the host is told of them, by path. Throws where it cannot.
    func finish() throws -> [String: OutputFile] {
        precondition(added == images, "there are outputs of \(added) images, not of \(images)")
        var described: [String: OutputFile] = [:]
        for (role, name) in names {
            guard let file = files.removeValue(forKey: role) else { continue }
            try file.synchronize()
            try file.close()
            let target = folder.appendingPathComponent(name)
            guard rename(part(name).path, target.path) == 0 else { throw RunnerError("cannot write \(target.path)") }
            let size = try FileManager.default.attributesOfItem(atPath: target.path)[.size] as? Int ?? 0
            described[name] = OutputFile(sha256: try Sha256.hex(of: target), sizeBytes: size)
        }
        return described
    }

    private func part(_ name: String) -> URL { folder.appendingPathComponent(name + ".part") }
}

/// Throws `RunnerError` for NaN or infinity.
func requireFinite(_ name: String, _ values: Values, _ place: String = "") throws {
    let bad = values.notFinite
    guard bad == 0 else {
        throw RunnerError(
            "\(bad) of \(values.count) values of the output \(name) are not finite (NaN or infinity)\(place)")
    }
}

/// A role as part of a path: as in a URL (RFC 3986), nothing reserved.
func quoted(_ role: String) -> String {
    let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~".utf8)
    return role.utf8.map { byte in
        if plain.contains(byte) { return String(UnicodeScalar(byte)) }
        let digits = String(byte, radix: 16, uppercase: true)
        return "%" + (digits.count == 1 ? "0" : "") + digits
    }.joined()
}
