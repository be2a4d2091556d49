import Foundation

/// What the host asks of a start, in the environment.
public enum Launch: Sendable, Equatable {
    /// Carry out the run in that folder.
    case run(URL, contract: String?)
    /// Remove all that was sent and measured.
    case clear

    /// `home` is the app's data container. Nil where a person opened the app.
    public init?(environment: [String: String], home: URL) {
        if environment["EDGEBENCH_CLEAR"] != nil {
            self = .clear
        } else if let run = environment["EDGEBENCH_RUN"] {
            self = .run(home.appendingPathComponent(run), contract: environment["EDGEBENCH_CONTRACT"])
        } else {
            return nil
        }
    }

    /// Remove the folder of all runs. Throws where that fails.
    public static func clear(home: URL) throws {
        let folder = home.appendingPathComponent("Documents/edgebench")
        if FileManager.default.fileExists(atPath: folder.path) { try FileManager.default.removeItem(at: folder) }
    }
}
