@_exported import CoreGraphics
@_exported import Foundation

open class CALayer: NSObject {}
@MainActor open class UIView: NSObject {
    open class var layerClass: AnyClass { CALayer.self }
    public var layer: CALayer { fatalError() }
    public override init() {}
}
@MainActor public class UIApplication: NSObject {
    public class var shared: UIApplication { fatalError() }
    public var isIdleTimerDisabled = false
}
@MainActor public class UIDevice: NSObject {
    public enum BatteryState: Int, Sendable { case unknown, unplugged, charging, full }
    public class var current: UIDevice { fatalError() }
    public var isBatteryMonitoringEnabled = false
    public var batteryLevel: Float { fatalError() }
    public var batteryState: BatteryState { fatalError() }
    public var systemName: String { fatalError() }
    public var systemVersion: String { fatalError() }
}
