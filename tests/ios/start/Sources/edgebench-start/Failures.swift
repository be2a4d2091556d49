import EdgebenchCore
import Foundation

/// Ways to fail, each asked for by a file of its name in a folder; `crash at` happens each time, the others once.
final class Failures: Watcher {
    var start: Start?
    private let folder: URL
    private let run: URL
    private var job = ""

    init(_ folder: URL, _ run: URL) {
        self.folder = folder
        self.run = run
    }

    func begins(_ kind: String, _ about: String) {
        job = "\(kind) \(about)"
        if exists("crash at \(job)") || once("crash once at \(job)") { halt() }
        if once("cut short at \(job)") {
            if let file = try? FileHandle(forUpdating: run.appendingPathComponent("changes.jsonl")) {
                _ = try? file.seekToEnd()
                try? file.write(contentsOf: Data("{\"change\": {\"block\": {\"ind".utf8))
            }
            halt()
        }
        if once("hang at \(job)") { Thread.sleep(forTimeInterval: 3600) }
        if once("background at \(job)") {
            stop("it was put in the background")
            halt()
        }
    }

    func progress(_ event: String, done: Int, total: Int) {
        guard event == "evaluate", let slot = job.split(separator: " ", maxSplits: 1).last,
            once("damage outputs of \(slot)")
        else { return }
        let outputs = run.appendingPathComponent("outputs/\(slot)")
        for name in (try? FileManager.default.contentsOfDirectory(atPath: outputs.path)) ?? [] {
            try? Data("damaged".utf8).write(to: outputs.appendingPathComponent(name))
        }
    }

    private func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path)
    }

    private func once(_ name: String) -> Bool {
        guard exists(name) else { return false }
        try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
        return true
    }

    private func stop(_ reason: String) {
        guard let changes = start?.changes else { return }
        do { try changes.end("stopped", reason: reason) } catch { fatalError(sentence(error)) }
    }

    private func halt() -> Never { exit(137) }
}
