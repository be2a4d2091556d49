import EdgebenchCore
import SwiftUI

/// The models that the app was given, and what can be done with them.
struct HomeView: View {
    private let store = ModelStore()
    @StateObject private var idle = Measurement()

    var body: some View {
        NavigationStack {
            List {
                Section("Models") {
                    if let problem = store.problem { Text(problem) }
                    ForEach(store.models) { model in ModelRow(model: model) }
                }
                Section {
                    NavigationLink("Camera") { CameraView(store: store) }.disabled(store.models.isEmpty)
                    NavigationLink("Picture") { PictureView(store: store, panels: 1) }.disabled(store.models.isEmpty)
                    NavigationLink("Compare two models") { PictureView(store: store, panels: 2) }
                        .disabled(store.models.isEmpty)
                    NavigationLink("Benchmark") { BenchmarkView(measurement: idle) }
                    NavigationLink("About") { AboutView() }
                }
            }
            .navigationTitle("edgebench")
        }
    }
}

private struct ModelRow: View {
    let model: BundledModel

    var body: some View {
        VStack(alignment: .leading) {
            Text("\(model.name), \(model.precision)")
            Text(details).font(.footnote).foregroundStyle(.secondary)
        }
        .accessibilityElement(children: .combine)
    }

    private var details: String {
        let size = Int64(model.sizeBytes).formatted(.byteCount(style: .file))
        let weights = model.isTrained ? "trained" : "not trained: for its latency alone"
        return "\(model.task.name), \(model.width) x \(model.height), \(size), \(weights)"
    }
}
