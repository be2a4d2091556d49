/// The processors that Core ML may use.
public enum ComputeUnits: String, Sendable, CaseIterable, Identifiable {
    case cpu
    case cpuAndGPU
    case cpuAndNeuralEngine
    case all

    /// What a plan's delegate means: the default of plans is all. Throws `RunnerError` for one that Core ML has not.
    public init(delegate: String) throws {
        switch delegate {
        case "none": self = .cpu
        case "gpu": self = .cpuAndGPU
        case "ane": self = .cpuAndNeuralEngine
        case "xnnpack": self = .all
        default: throw RunnerError("Core ML has no \(delegate) delegate; it has: none, gpu, ane")
        }
    }

    public var id: String { rawValue }

    /// The one processor that is asked for beside the CPU, by the name that a placement gives it.
    public var wanted: String? {
        switch self {
        case .cpuAndGPU: PlacedOperation.gpu
        case .cpuAndNeuralEngine: PlacedOperation.neuralEngine
        case .cpu, .all: nil
        }
    }
}
