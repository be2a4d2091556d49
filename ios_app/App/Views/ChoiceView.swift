import EdgebenchCore
import EdgebenchCoreML
import SwiftUI

/// Which model runs, and where.
struct ChoiceView: View {
    let models: [BundledModel]
    @Binding var model: Int
    @Binding var units: ComputeUnits

    var body: some View {
        HStack {
            Picker("Model", selection: $model) {
                ForEach(models.indices, id: \.self) { place in
                    Text("\(models[place].name), \(models[place].precision)").tag(place)
                }
            }
            Spacer()
            Picker("Compute units", selection: $units) {
                ForEach(ComputeUnits.allCases) { units in Text(units.words).tag(units) }
            }
        }
        .pickerStyle(.menu)
    }
}

extension ComputeUnits {
    var words: String {
        switch self {
        case .cpu: "CPU"
        case .cpuAndGPU: "CPU + GPU"
        case .cpuAndNeuralEngine: "CPU + Neural Engine"
        case .all: "All"
        }
    }
}
