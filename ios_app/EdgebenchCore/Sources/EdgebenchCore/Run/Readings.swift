import Foundation

/// The state of the machine before or after a block, in the fields of the result's schema; what is not known is nil.
public struct Readings: Sendable {
    public var thermalStatus: Int?
    public var batteryPercent: Double?
    public var charging: Bool?
    public var ownSeconds: Double?
    public var savesPower: Bool?
    public var probeNs: [UInt64]?
    private let unixSeconds = Date().timeIntervalSince1970

    public init() {}

    /// Fields that no app can read are null.
    public var json: Json {
        [
            "unix_s": Json(unixSeconds),
            "frequencies_khz": .null,
            "governors": .null,
            "temperatures_c": .null,
            "thermal_status": Json(thermalStatus) { Json($0) },
            "throttled": .null,
            "battery_percent": Json(batteryPercent) { Json($0) },
            "charging": Json(charging) { Json($0) },
            "load_1min": .null,
            "running": .null,
            "busy_s": .null,
            "steal_s": .null,
            "own_s": Json(ownSeconds) { Json($0) },
            "core": .null,
            "time_in_state_s": .null,
            "probe_ns": Json(probeNs) { Json($0) },
            "saves_power": Json(savesPower) { Json($0) },
        ]
    }
}

/// A fixed short computation: 20 rounds of SHA-256 over the same 64 KiB.
public struct Probe: Sendable {
    private let bytes: [UInt8]

    public init() {
        let word = Array("edgebench".utf8)
        bytes = (0..<65536).map { word[$0 % word.count] }
    }

    /// The time of each round, in nanoseconds.
    public func times() -> [UInt64] {
        (0..<20).map { _ in
            let start = Clock.nanoseconds()
            var hash = Sha256()
            hash.add(bytes)
            return Clock.nanoseconds() - start
        }
    }
}
