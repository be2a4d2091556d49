import Foundation

/// The files that a plan names by content.
struct RunFiles {
    let folder: URL

    /// A file or folder, if it is the one of that hash. Throws `RunnerError`.
    func checked(_ name: String, _ sha256: String) throws -> URL {
        let file = folder.appendingPathComponent(name)
        let found: String
        do {
            found = try Sha256.hex(of: file)
        } catch {
            throw RunnerError("cannot read \(file.path): \(sentence(error))")
        }
        guard found == sha256 else { throw RunnerError("\(file.path) has changed since the plan was made") }
        return file
    }
}
