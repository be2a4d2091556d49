import EdgebenchCore
import Foundation

/// This machine, which cannot choose its cores either: as an iPhone, for tests.
struct HostMachine: Machine {
    let system = "iOS by a test engine"
    let kernel = ProcessInfo.processInfo.operatingSystemVersionString
    let architecture = "test"
    let processor: String? = nil
    let coreCount = ProcessInfo.processInfo.processorCount
    let allowedCores: [Int]? = nil
    private let probe = Probe()

    func pin(_ cores: [Int]) throws { throw RunnerError("iOS chooses the cores itself; leave out --cores") }

    func raisePriority() {}

    var memory: MemoryUse? {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
        func kilobytes(_ name: String) -> Int? {
            status.split(separator: "\n").first { $0.hasPrefix(name) }
                .flatMap { Int($0.filter(\.isNumber)) }
        }
        guard let now = kilobytes("VmRSS:"), let peak = kilobytes("VmHWM:") else { return nil }
        return MemoryUse(now: now * 1024, peak: peak * 1024)
    }

    func readings() -> Readings {
        var readings = Readings()
        readings.ownSeconds = Double(Clock.processNanoseconds()) / 1e9
        readings.probeNs = probe.times()
        return readings
    }
}
