@_exported import CoreVideo
@_exported import Foundation

// Objective-C's, which Foundation has on Apple's systems only.
public func autoreleasepool<Value>(invoking body: () throws -> Value) rethrows -> Value { try body() }

extension ProcessInfo {
    public enum ThermalState: Int, Sendable { case nominal, fair, serious, critical }
    public var thermalState: ThermalState { fatalError() }
    public var isLowPowerModeEnabled: Bool { fatalError() }
}

public enum MLComputeUnits: Int, Sendable { case cpuOnly, cpuAndGPU, all, cpuAndNeuralEngine }
open class MLModelConfiguration: NSObject { public var computeUnits: MLComputeUnits = .all }

public enum MLMultiArrayDataType: Int, Sendable { case double, float32, float16, int32, int8 }
open class MLMultiArray: NSObject {
    public init(shape: [NSNumber], dataType: MLMultiArrayDataType) throws {}
    public var shape: [NSNumber] { fatalError() }
    public var strides: [NSNumber] { fatalError() }
    public var count: Int { fatalError() }
    public var dataType: MLMultiArrayDataType { fatalError() }
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R { fatalError() }
    public func withUnsafeMutableBytes<R>(
        _ body: (UnsafeMutableRawBufferPointer, [Int]) throws -> R
    ) rethrows -> R { fatalError() }
}

public enum MLFeatureType: Int, Sendable {
    case invalid, int64, double, string, image, multiArray, dictionary, sequence
}
open class MLImageConstraint: NSObject {
    public var pixelsHigh: Int { fatalError() }
    public var pixelsWide: Int { fatalError() }
    public var pixelFormatType: OSType { fatalError() }
}
public enum MLMultiArrayShapeConstraintType: Int, Sendable { case unspecified = 1, enumerated, range }
open class MLMultiArrayShapeConstraint: NSObject {
    public var type: MLMultiArrayShapeConstraintType { fatalError() }
}
open class MLMultiArrayConstraint: NSObject {
    public var shape: [NSNumber] { fatalError() }
    public var shapeConstraint: MLMultiArrayShapeConstraint { fatalError() }
    public var dataType: MLMultiArrayDataType { fatalError() }
}
open class MLFeatureDescription: NSObject {
    public var name: String { fatalError() }
    public var type: MLFeatureType { fatalError() }
    public var isOptional: Bool { fatalError() }
    public var imageConstraint: MLImageConstraint? { fatalError() }
    public var multiArrayConstraint: MLMultiArrayConstraint? { fatalError() }
}
open class MLModelDescription: NSObject {
    public var inputDescriptionsByName: [String: MLFeatureDescription] { fatalError() }
    public var outputDescriptionsByName: [String: MLFeatureDescription] { fatalError() }
}

open class MLFeatureValue: NSObject {
    public convenience init(multiArray value: MLMultiArray) { fatalError() }
    public convenience init(pixelBuffer value: CVPixelBuffer) { fatalError() }
    public var multiArrayValue: MLMultiArray? { fatalError() }
}
public protocol MLFeatureProvider {
    var featureNames: Set<String> { get }
    func featureValue(for featureName: String) -> MLFeatureValue?
}
open class MLDictionaryFeatureProvider: NSObject, MLFeatureProvider {
    public init(dictionary: [String: Any]) throws {}
    public var featureNames: Set<String> { fatalError() }
    public func featureValue(for featureName: String) -> MLFeatureValue? { fatalError() }
}
open class MLPredictionOptions: NSObject { public var outputBackings: [String: Any] = [:] }

open class MLModel: NSObject {
    public convenience init(contentsOf url: URL, configuration: MLModelConfiguration) throws { fatalError() }
    public class func load(contentsOf url: URL, configuration: MLModelConfiguration = MLModelConfiguration())
        async throws -> MLModel
    {
        fatalError()
    }
    public class func compileModel(at url: URL) async throws -> URL { fatalError() }
    public var modelDescription: MLModelDescription { fatalError() }
    public func prediction(from input: any MLFeatureProvider, options: MLPredictionOptions) throws
        -> any MLFeatureProvider
    {
        fatalError()
    }
}

public class MLCPUComputeDevice: NSObject {}
public class MLGPUComputeDevice: NSObject {}
public class MLNeuralEngineComputeDevice: NSObject {}
@available(iOS 17.0, macOS 14.0, *)
public enum MLComputeDevice {
    case cpu(MLCPUComputeDevice)
    case gpu(MLGPUComputeDevice)
    case neuralEngine(MLNeuralEngineComputeDevice)
    public static var allComputeDevices: [MLComputeDevice] { fatalError() }
}

@available(iOS 17.4, macOS 14.4, *)
public enum MLModelStructure {
    case neuralNetwork(NeuralNetwork)
    case program(Program)
    case pipeline(Pipeline)
    case unsupported

    public struct NeuralNetwork {
        public struct Layer {
            public let name: String
            public let type: String
        }
        public let layers: [Layer]
    }
    public struct Pipeline {}
    public struct Program {
        public struct NamedValueType { public let name: String }
        public struct Operation {
            public let operatorName: String
            public let outputs: [NamedValueType]
            public let blocks: [Block]
        }
        public struct Block { public let operations: [Operation] }
        public struct Function { public let block: Block }
        public let functions: [String: Function]
    }
}
@available(iOS 17.4, macOS 14.4, *)
public class MLComputePlan {
    public struct DeviceUsage {
        public let supported: [MLComputeDevice]
        public let preferred: MLComputeDevice
    }
    public struct Cost { public let weight: Double }
    public class func load(contentsOf url: URL, configuration: MLModelConfiguration) async throws -> MLComputePlan {
        fatalError()
    }
    public var modelStructure: MLModelStructure { fatalError() }
    public func deviceUsage(for operation: MLModelStructure.Program.Operation) -> DeviceUsage? { fatalError() }
    public func deviceUsage(for layer: MLModelStructure.NeuralNetwork.Layer) -> DeviceUsage? { fatalError() }
    public func estimatedCost(of operation: MLModelStructure.Program.Operation) -> Cost? { fatalError() }
}
