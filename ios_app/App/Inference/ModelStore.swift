import EdgebenchCore
import EdgebenchCoreML
import Foundation

/// The models that the app was given. Xcode compiles their packages into the app.
struct ModelStore: Sendable {
    let models: [BundledModel]
    /// Why there are none.
    let problem: String?

    init() {
        do {
            guard let list = Bundle.main.url(forResource: "bundle", withExtension: "json") else {
                throw RunnerError("This app was given no model. Give it some with: edgebench bundle MODEL --ios")
            }
            models = try ModelBundle(reading: Data(contentsOf: list)).models
            problem = nil
        } catch {
            models = []
            problem = sentence(error)
        }
    }

    /// Load a model. Throws `RunnerError`, and what Core ML throws.
    func open(_ choice: Choice) async throws -> sending Predictor {
        guard let compiled = Bundle.main.url(forResource: choice.model.sha256, withExtension: "mlmodelc") else {
            throw RunnerError("\(choice.model.file) is listed but not in the app; run edgebench bundle again")
        }
        return Predictor(choice.model, try await CoreMLEngine.load(compiled, choice.units))
    }
}

/// A model and where it runs.
struct Choice: Sendable, Equatable {
    let model: BundledModel
    let units: ComputeUnits

    static func == (one: Choice, other: Choice) -> Bool { one.model.id == other.model.id && one.units == other.units }
}
