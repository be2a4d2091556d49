/// The times of the last inferences, of which the median and the spread are shown.
public struct Latencies: Sendable {
    private let size: Int
    private var times: [Double] = []
    private var next = 0

    public init(size: Int = 60) { self.size = size }

    public mutating func add(_ nanoseconds: UInt64) {
        if times.count < size {
            times.append(Double(nanoseconds))
        } else {
            times[next] = Double(nanoseconds)
        }
        next = (next + 1) % size
    }

    /// Median and median absolute deviation in milliseconds; nil before the first.
    public var summary: (medianMs: Double, spreadMs: Double)? {
        guard !times.isEmpty else { return nil }
        let middle = median(times)
        return (middle / 1e6, median(times.map { abs($0 - middle) }) / 1e6)
    }

    private func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
