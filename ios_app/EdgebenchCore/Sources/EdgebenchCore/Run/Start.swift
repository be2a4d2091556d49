import Foundation

/// The contract that this core follows; docs/app-contract.md describes it.
public let contract = "edgebench.app/3"

/// Who wants to know what a start is doing: the screen, or a test. It is told on the thread that measures.
public protocol Watcher {
    /// A job begins; `about` is its slot or the index of its block.
    func begins(_ kind: String, _ about: String)

    /// So much of the plan's steps of one kind is done.
    func progress(_ event: String, done: Int, total: Int)
}

extension Watcher {
    public func begins(_ kind: String, _ about: String) {}
    public func progress(_ event: String, done: Int, total: Int) {}
}

/// One start of the app: one job of the plan, in this process.
public final class Start {
    /// The channel to the host; another thread may end it with `stopped`.
    public let changes: Changes

    private let run: URL
    private let app: String
    private let runtime: any Runtime
    private let machine: any Machine
    private let watcher: (any Watcher)?

    /// `run` is the folder of the run, from which is read and to which is written; it is made here. Throws where
    /// that cannot be done. `app` is the app's version.
    public init(
        run: URL, app: String, runtime: any Runtime, machine: any Machine, watcher: (any Watcher)? = nil
    ) throws {
        self.run = run
        self.app = app
        self.runtime = runtime
        self.machine = machine
        self.watcher = watcher
        try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
        changes = try Changes(run.appendingPathComponent("changes.jsonl"))
    }

    /// Do the first job that is left. Whatever goes wrong is told to the host.
    public func execute(contract asked: String?) {
        do {
            try changes.hello(contract: contract, app: app)
            guard asked == contract else {
                throw RunnerError("it follows \(contract), and was asked for \(asked ?? "none")")
            }
            guard let plan = try? Data(contentsOf: run.appendingPathComponent("plan.json")) else {
                throw RunnerError("there is no plan.json in \(run.path)")
            }
            let file = run.appendingPathComponent("result.json")
            let known = FileManager.default.fileExists(atPath: file.path) ? try Data(contentsOf: file) : nil
            let result = try RunResult(reading: known, planSha256: Sha256.hex(plan), file: file)
            var jobs = Jobs(start: self, plan: try Plan(reading: plan), result: result)
            try jobs.next()
        } catch let error as RunnerError {
            end("failed", sentence(error))
        } catch let error as InvalidDocument {
            end("failed", sentence(error))
        } catch {
            end("failed", "the phone cannot keep the results: \(sentence(error))")
        }
    }

    /// Where even this cannot be written, the host finds out that the app has ended.
    private func end(_ status: String, _ reason: String) { try? changes.end(status, reason: reason) }

    private struct Jobs {
        let start: Start
        let plan: Plan
        var result: RunResult
        let evaluator: Evaluator

        init(start: Start, plan: Plan, result: RunResult) {
            self.start = start
            self.plan = plan
            self.result = result
            let files = RunFiles(folder: start.run.appendingPathComponent("../../files").standardizedFileURL)
            evaluator = Evaluator(plan: plan, files: files, runtime: start.runtime, machine: start.machine)
        }

        mutating func next() throws {
            if !result.hasContext { try change(["context": context()]) }
            let evaluations = result.evaluations
            let errors = evaluations.filter(\.entry.hasFailed)
            if let slot = plan.slots.first(where: { result.evaluation($0) == nil }) {
                try evaluate(slot)
            } else if !evaluations.isEmpty, errors.count == evaluations.count {
                let first = (try? Fields(.object(errors[0].entry), "evaluation")["error"].text()) ?? "unknown"
                return try start.changes.end("failed", reason: "no artifact could be run: \(first)")
            } else if let blocks = nextBlocks() {
                try measure(blocks)
            } else if plan.profile,
                let (slot, entry) = evaluations.first(where: { !$0.entry.hasFailed && $0.entry["profile"] == nil })
            {
                try profile(slot, entry)
            } else {
                try change(["complete": .bool(errors.isEmpty && !result.blocks.contains(where: \.hasFailed))])
                return try start.changes.end("done")
            }
            try start.changes.end("again")
        }

        private func nextBlocks() -> [PlannedBlock]? {
            let done = result.doneBlocks
            let left = plan.blocks.filter { !done.contains($0.index) && $0.process < plan.processes }
            guard let process = left.map(\.process).min() else { return nil }
            return left.filter { $0.process == process }
        }

        private mutating func evaluate(_ slot: String) throws {
            try begin("evaluate", slot, Json(slot), as: "slot")
            let found: Evaluated
            do {
                try plan.cores.map(start.machine.pin)
                found = evaluator.evaluate(slot, in: start.run)
            } catch {
                found = .failed(error)
            }
            try change(["evaluations": .object(JsonObject([(slot, .object(found.entry))]))], files: found.files)
            try event("evaluate", done: result.evaluations.count, total: plan.slots.count)
        }

        private mutating func measure(_ blocks: [PlannedBlock]) throws {
            try plan.cores.map(start.machine.pin)
            start.machine.raisePriority()
            let failed = Set(result.evaluations.filter(\.entry.hasFailed).map(\.slot))
            let measurer = Measurer(plan: plan, evaluator: evaluator, machine: start.machine)
            for block in blocks {
                try begin("block", String(block.index), Json(block.index), as: "index")
                try change(["block": .object(measurer.measure(block, failed: failed))])
                try event("block", done: result.doneBlocks.count, total: plan.blocks.count)
            }
        }

        private mutating func profile(_ slot: String, _ entry: JsonObject) throws {
            try begin("profile", slot, Json(slot), as: "slot")
            try plan.cores.map(start.machine.pin)
            // A profiler that fails costs nothing but its profile.
            let found = try? evaluator.opened(slot).profile()
            var profiled = entry
            profiled["profile"] = found ?? .null
            try change(["evaluations": .object(JsonObject([(slot, .object(profiled))]))])
            let running = result.evaluations.filter { !$0.entry.hasFailed }
            try event("profile", done: running.count { $0.entry["profile"] != nil }, total: running.count)
        }

        private func context() -> Json {
            let machine = start.machine
            let coreCount = machine.coreCount  // Before it is pinned.
            // Where that fails, every evaluation says so.
            if let cores = plan.cores { try? machine.pin(cores) }
            let runtime = start.runtime
            let described: Json = ["name": Json(runtime.name), "version": Json(runtime.version)]
            return [
                "runtimes": .object(JsonObject([(runtime.format, described)])),
                "python": .null,
                "numpy": .null,
                "system": Json(machine.system),
                "kernel": Json(machine.kernel),
                "machine": Json(machine.architecture),
                "cpu_model": Json(machine.processor) { Json($0) },
                "core_count": Json(coreCount),
                "cores": Json(machine.allowedCores) { Json($0) },
                "threads": Json(plan.threads),
                "delegate": Json(plan.delegate),
            ]
        }

        private func begin(_ kind: String, _ about: String, _ value: Json, as name: String) throws {
            try start.changes.begin(kind, JsonObject([(name, value)]))
            start.watcher?.begins(kind, about)
        }

        private mutating func change(_ change: JsonObject, files: [String: OutputFile] = [:]) throws {
            try result.apply(change)
            try start.changes.change(change, files: files)
        }

        private func event(_ name: String, done: Int, total: Int) throws {
            try start.changes.event(name, done: done, total: total)
            start.watcher?.progress(name, done: done, total: total)
        }
    }
}
