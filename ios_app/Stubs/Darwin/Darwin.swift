import Foundation

public struct mach_task_basic_info {
    public var resident_size: UInt64 = 0
    public var resident_size_max: UInt64 = 0
    public init() {}
}
public typealias natural_t = UInt32
public typealias integer_t = Int32
public typealias kern_return_t = Int32
public typealias mach_msg_type_number_t = UInt32
public typealias task_flavor_t = UInt32
public typealias task_info_t = UnsafeMutablePointer<integer_t>
public typealias mach_port_t = UInt32
nonisolated(unsafe) public var mach_task_self_: mach_port_t = 0
public let MACH_TASK_BASIC_INFO: Int32 = 20
public let KERN_SUCCESS: Int32 = 0
public func task_info(
    _ task: mach_port_t, _ flavor: task_flavor_t, _ out: task_info_t?,
    _ count: UnsafeMutablePointer<mach_msg_type_number_t>?
) -> kern_return_t { fatalError() }

public struct qos_class_t: Sendable {}
public let QOS_CLASS_USER_INTERACTIVE = qos_class_t()
@discardableResult public func pthread_set_qos_class_self_np(_ qos: qos_class_t, _ relative: Int32) -> Int32 {
    fatalError()
}
