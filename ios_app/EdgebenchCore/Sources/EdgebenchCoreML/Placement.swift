#if canImport(CoreML)
import CoreML
import EdgebenchCore

@available(iOS 17.4, macOS 14.4, *)
enum Placement {
    /// The operations of a plan, in the program's order. Constants are computed nowhere, and have no place.
    static func operations(_ plan: MLComputePlan) -> [PlacedOperation] {
        switch plan.modelStructure {
        case .program(let program): program.functions["main"].map { operations($0.block, plan) } ?? []
        case .neuralNetwork(let network): network.layers.compactMap { layer($0, plan) }
        case .pipeline, .unsupported: []
        @unknown default: []
        }
    }

    private static func operations(
        _ block: MLModelStructure.Program.Block, _ plan: MLComputePlan
    ) -> [PlacedOperation] {
        block.operations.flatMap { operation -> [PlacedOperation] in
            let inner = operation.blocks.flatMap { operations($0, plan) }
            guard let usage = plan.deviceUsage(for: operation) else { return inner }
            let placed = PlacedOperation(
                name: operation.outputs.first?.name ?? operation.operatorName, type: operation.operatorName,
                processor: name(usage.preferred), weight: plan.estimatedCost(of: operation)?.weight)
            return [placed] + inner
        }
    }

    private static func layer(
        _ layer: MLModelStructure.NeuralNetwork.Layer, _ plan: MLComputePlan
    ) -> PlacedOperation? {
        plan.deviceUsage(for: layer).map {
            PlacedOperation(name: layer.name, type: layer.type, processor: name($0.preferred), weight: nil)
        }
    }
}
#endif
