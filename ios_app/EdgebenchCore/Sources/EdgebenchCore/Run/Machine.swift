/// The machine that measures, as far as a program can see it. What it does not tell is nil.
public protocol Machine {
    var system: String { get }
    var kernel: String { get }
    var architecture: String { get }
    var processor: String? { get }
    var coreCount: Int { get }

    /// Run on these cores alone. Throws `RunnerError` if that cannot be done.
    func pin(_ cores: [Int]) throws

    /// The cores on which the process may run, if that is known.
    var allowedCores: [Int]? { get }

    /// Make this thread the one that goes first.
    func raisePriority()

    /// The memory that the process holds now and its peak, if that is known.
    var memory: MemoryUse? { get }

    /// The state of the machine. What its probe needs is allocated before.
    func readings() -> Readings
}

/// Resident memory of the process, in bytes.
public struct MemoryUse: Sendable {
    public let now: Int
    public let peak: Int

    public init(now: Int, peak: Int) {
        self.now = now
        self.peak = peak
    }

    /// The peak since `before`, above what was held then; nil where an earlier peak hides it.
    public func peak(since before: MemoryUse) -> Int? { peak > before.peak ? peak - before.now : nil }
}
