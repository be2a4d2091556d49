import EdgebenchCore
import EdgebenchCoreML
import SwiftUI
import UIKit

/// One start for the host: what is done, and how far it is. The app ends with it.
@MainActor
final class Measurement: ObservableObject {
    enum State: Equatable {
        case idle
        case starting
        case evaluating(done: Int, total: Int)
        case measuring(done: Int, total: Int)
        case profiling(done: Int, total: Int)
        case failed(String)
    }

    @Published private(set) var state = State.idle

    private var changes: Changes?

    /// Do what the host asks for. The job runs on a thread of its own, at high priority.
    func begin(_ launch: Launch) {
        guard state == .idle else { return }
        let home = URL(fileURLWithPath: NSHomeDirectory())
        switch launch {
        case .clear:
            try? Launch.clear(home: home)
            try? FileManager.default.removeItem(at: Self.caches)
            exit(0)
        case .run(let folder, let contract):
            state = .starting
            UIApplication.shared.isIdleTimerDisabled = true
            UIDevice.current.isBatteryMonitoringEnabled = true
            do {
                let start = try Start(
                    run: folder, app: Self.version, runtime: CoreMLRuntime(cache: Self.caches),
                    machine: AppleMachine(battery: Self.battery), watcher: Progress { [weak self] in self?.state = $0 })
                changes = start.changes
                run(start, contract)
            } catch {
                state = .failed(sentence(error))
            }
        }
    }

    /// The thread gets `start` and nobody else has it. The host sees by the process whether the app still runs.
    private func run(_ start: sending Start, _ contract: String?) {
        let handed = Handed(start)
        let thread = Thread {
            handed.value.execute(contract: contract)
            exit(0)
        }
        thread.qualityOfService = .userInteractive
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Tell the host why it ends, and end. What was being measured is lost.
    func stop(_ reason: String) {
        guard let changes else { return }
        try? changes.end("stopped", reason: reason)
        exit(0)
    }

    static var version: String { Bundle.main.infoDictionary?["CFBundleShortVersionString"] as? String ?? "0" }

    private static var caches: URL {
        FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask)[0].appendingPathComponent("edgebench")
    }

    /// Asked for between blocks by the thread that measures; the main thread then waits for nothing.
    private static let battery: AppleMachine.Battery = {
        DispatchQueue.main.sync {
            MainActor.assumeIsolated {
                let device = UIDevice.current
                let level = device.batteryLevel
                let charging: Bool? =
                    switch device.batteryState {
                    case .charging, .full: true
                    case .unplugged: false
                    case .unknown: nil
                    @unknown default: nil
                    }
                return (level < 0 ? nil : Double(level) * 100, charging)
            }
        }
    }
}

/// Something that is given to another thread, and used there alone.
private struct Handed<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}

/// Tells the screen how far the thread that measures is, between jobs and blocks.
private struct Progress: Watcher {
    let show: @MainActor @Sendable (Measurement.State) -> Void

    init(_ show: @escaping @MainActor @Sendable (Measurement.State) -> Void) { self.show = show }

    func progress(_ event: String, done: Int, total: Int) {
        let state: Measurement.State =
            switch event {
            case "evaluate": .evaluating(done: done, total: total)
            case "profile": .profiling(done: done, total: total)
            default: .measuring(done: done, total: total)
            }
        Task { @MainActor [show] in show(state) }
    }
}
