#if canImport(CoreML)
@preconcurrency import Darwin
import EdgebenchCore
import Foundation

/// An iPhone or a Mac, as far as an app can see it.
public struct AppleMachine: Machine {
    /// The battery's level in per cent, and whether it is charged.
    public typealias Battery = @Sendable () -> (percent: Double?, charging: Bool?)

    public let kernel: String
    public let architecture = Self.name
    public let processor: String?
    public let coreCount = ProcessInfo.processInfo.processorCount
    public let allowedCores: [Int]? = nil

    private let battery: Battery?
    private let probe = Probe()

    public init(battery: Battery? = nil) {
        self.battery = battery
        let version = ProcessInfo.processInfo.operatingSystemVersion
        kernel = "\(version.majorVersion).\(version.minorVersion).\(version.patchVersion)"
        processor = Self.productType()
    }

    #if arch(arm64)
    private static let name = "arm64"
    #else
    private static let name = "x86_64"
    #endif

    #if os(macOS)
    public let system = "macOS"
    #else
    public let system = "iOS"
    #endif

    /// Such as iPhone15,4: the name of the model that Apple's documents use, and of the chip in it.
    private static func productType() -> String? {
        var about = utsname()
        guard uname(&about) == 0 else { return nil }
        return withUnsafeBytes(of: &about.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    public func pin(_ cores: [Int]) throws {
        throw RunnerError("\(system) chooses the cores itself; leave out --cores")
    }

    public func raisePriority() { pthread_set_qos_class_self_np(QOS_CLASS_USER_INTERACTIVE, 0) }

    public var memory: MemoryUse? {
        var found = mach_task_basic_info()
        var count = mach_msg_type_number_t(MemoryLayout<mach_task_basic_info>.size / MemoryLayout<natural_t>.size)
        let answer = withUnsafeMutablePointer(to: &found) {
            $0.withMemoryRebound(to: integer_t.self, capacity: Int(count)) {
                task_info(mach_task_self_, task_flavor_t(MACH_TASK_BASIC_INFO), $0, &count)
            }
        }
        guard answer == KERN_SUCCESS else { return nil }
        return MemoryUse(now: Int(found.resident_size), peak: Int(found.resident_size_max))
    }

    public func readings() -> Readings {
        var readings = Readings()
        switch ProcessInfo.processInfo.thermalState {
        case .nominal: readings.thermalStatus = 0
        case .fair: readings.thermalStatus = 1
        case .serious: readings.thermalStatus = 3
        case .critical: readings.thermalStatus = 4
        @unknown default: break
        }
        readings.savesPower = ProcessInfo.processInfo.isLowPowerModeEnabled
        if let battery { (readings.batteryPercent, readings.charging) = battery() }
        readings.ownSeconds = Double(Clock.processNanoseconds()) / 1e9
        readings.probeNs = probe.times()
        return readings
    }
}
#endif
