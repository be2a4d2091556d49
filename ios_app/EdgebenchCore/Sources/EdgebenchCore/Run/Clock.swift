import Dispatch
import Foundation

/// The clocks of this process, in nanoseconds.
public enum Clock {
    /// A monotonic clock that stands still while the device sleeps: CLOCK_UPTIME_RAW on Apple's systems.
    public static func nanoseconds() -> UInt64 { DispatchTime.now().uptimeNanoseconds }

    /// The CPU time of all threads of the process.
    public static func processNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Whether the clock of CPU time is fine enough: a microsecond or less.
    public static var knowsProcessTime: Bool {
        var step = timespec()
        return clock_getres(CLOCK_PROCESS_CPUTIME_ID, &step) == 0 && step.tv_sec == 0 && step.tv_nsec <= 1000
    }
}
