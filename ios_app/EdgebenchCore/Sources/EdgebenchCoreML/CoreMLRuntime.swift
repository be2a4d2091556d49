#if canImport(CoreML)
import CoreML
import EdgebenchCore
import Foundation

/// Core ML, with the compute units that a plan's delegate means.
public struct CoreMLRuntime: Runtime {
    public let format = "coreml"
    public let name = "Core ML"
    public let version: String

    private let compiled: URL

    /// `cache` is the folder in which compiled packages are kept.
    public init(cache: URL) {
        compiled = cache.appendingPathComponent("compiled")
        // Core ML is a part of the system, and has no version of its own.
        version = ProcessInfo.processInfo.operatingSystemVersionString
    }

    /// Compile a package, as Xcode does it for an app's own models. The host names packages by their content.
    public func prepare(_ model: URL) throws -> URL {
        if model.pathExtension == "mlmodelc" { return model }
        let target = compiled.appendingPathComponent(model.deletingPathExtension().lastPathComponent + ".mlmodelc")
        if FileManager.default.fileExists(atPath: target.path) { return target }
        do {
            let made = try waiting { try await MLModel.compileModel(at: model) }
            try FileManager.default.createDirectory(at: compiled, withIntermediateDirectories: true)
            try FileManager.default.moveItem(at: made, to: target)
        } catch {
            throw RunnerError("Core ML cannot compile \(model.lastPathComponent): \(sentence(error))")
        }
        return target
    }

    public func runsOnCpuAlone(delegate: String) -> Bool { (try? ComputeUnits(delegate: delegate)) == .cpu }

    public func open(_ model: URL, threads: Int, delegate: String) throws -> any Engine {
        try CoreMLEngine(model, try ComputeUnits(delegate: delegate))
    }
}

extension ComputeUnits {
    var units: MLComputeUnits {
        switch self {
        case .cpu: .cpuOnly
        case .cpuAndGPU: .cpuAndGPU
        case .cpuAndNeuralEngine: .cpuAndNeuralEngine
        case .all: .all
        }
    }

    /// Throws `RunnerError` where this device has no such processor. Older systems do not tell.
    func require() throws {
        guard #available(iOS 17, macOS 14, *), let wanted else { return }
        let there = MLComputeDevice.allComputeDevices.map(name)
        guard there.contains(wanted) else {
            throw RunnerError(
                "this device has no \(wanted == PlacedOperation.gpu ? "GPU" : "Neural Engine") for Core ML")
        }
    }
}

@available(iOS 17, macOS 14, *)
func name(_ device: MLComputeDevice) -> String {
    switch device {
    case .cpu: PlacedOperation.cpu
    case .gpu: PlacedOperation.gpu
    case .neuralEngine: PlacedOperation.neuralEngine
    @unknown default: "unknown"
    }
}
#endif
