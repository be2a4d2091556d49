import EdgebenchCore
import EdgebenchCoreML
import Foundation

// edgebench-coreml RUN: one job of the plan in that folder, on this Mac, by the app's own core. What it changes is
// appended to RUN/changes.jsonl; docs/app-contract.md describes it. `edgebench --device mac` starts it.

private func fail(_ words: String, _ code: Int32) -> Never {
    FileHandle.standardError.write(Data("\(words)\n".utf8))
    exit(code)
}

#if canImport(CoreML)
/// One job, on a thread of its own: those of Swift's pool may not wait, and the main thread has another priority.
private func measure(_ run: URL) -> Never {
    let thread = Thread {
        do {
            let runtime = CoreMLRuntime(cache: run)
            try Start(run: run, app: "0.1.0", runtime: runtime, machine: AppleMachine()).execute(contract: contract)
            exit(0)
        } catch {
            fail("edgebench-coreml: \(sentence(error))", 1)
        }
    }
    thread.qualityOfService = .userInteractive
    thread.stackSize = 8 << 20
    thread.start()
    dispatchMain()
}
#else
private func measure(_ run: URL) -> Never { fail("edgebench-coreml: Core ML only runs on Apple's systems", 1) }
#endif

guard CommandLine.arguments.count == 2 else { fail("usage: edgebench-coreml RUN", 2) }
measure(URL(fileURLWithPath: CommandLine.arguments[1]))
