import Foundation

/// The wall and the CPU time of the samples of one turn, in nanoseconds an inference.
struct Samples {
    var wall: [UInt64]
    var cpu: [UInt64]

    init(_ count: Int) {
        wall = [UInt64](repeating: 0, count: count)
        cpu = [UInt64](repeating: 0, count: count)
    }
}

/// What a warm-up took: the time of each inference, and whether the last two windows were alike.
struct WarmedUp {
    let timesNs: [UInt64]
    let steady: Bool
}

/// Fill `samples`, each of which is `batch` inferences. Nothing is allocated here.
func takeTurn(_ engine: any Engine, _ samples: inout Samples, batch: Int, cpuKnown: Bool) throws {
    for sample in samples.wall.indices {
        let used = cpuKnown ? Clock.processNanoseconds() : 0
        let start = Clock.nanoseconds()
        for _ in 0..<batch { try engine.run() }
        let stop = Clock.nanoseconds()
        samples.cpu[sample] = divided(cpuKnown ? Clock.processNanoseconds() - used : 0, batch)
        samples.wall[sample] = divided(stop - start, batch)
    }
}

private func divided(_ total: UInt64, _ batch: Int) -> UInt64 {
    batch == 1 ? total : UInt64((Double(total) / Double(batch)).rounded())
}

/// Run windows of inferences until the medians of two in a row are nearly the same.
func warmUp(
    _ engine: any Engine, _ rule: WarmupRule, clock: () -> UInt64 = { Clock.nanoseconds() }
) throws -> WarmedUp {
    var times: [UInt64] = []
    times.reserveCapacity(max(4 * rule.window, 1024))

    func window() throws -> UInt64 {
        for _ in 0..<rule.window {
            let start = clock()
            try engine.run()
            times.append(clock() - start)
        }
        return times.suffix(rule.window).reduce(0, +)
    }

    var sum = try window()
    while Double(sum) < rule.maxSeconds * 1e9 {
        sum += try window()
        let before = median(times.dropLast(rule.window).suffix(rule.window))
        let last = median(times.suffix(rule.window))
        if abs(last / before - 1) <= rule.tolerance { return WarmedUp(timesNs: times, steady: true) }
    }
    return WarmedUp(timesNs: times, steady: false)
}

private func median(_ times: ArraySlice<UInt64>) -> Double {
    let sorted = times.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? Double(sorted[middle]) : Double(sorted[middle - 1] + sorted[middle]) / 2
}
