import SwiftUI

/// What a measurement is doing. It moves nothing while something is timed.
struct BenchmarkView: View {
    @ObservedObject var measurement: Measurement
    @Environment(\.scenePhase) private var phase

    var body: some View {
        VStack(alignment: .leading, spacing: 16) {
            Text(words).font(.title2)
            if measurement.state != .idle {
                Text("Keep this screen in front and the phone unlocked, and do not use it meanwhile.")
                    .foregroundStyle(.secondary)
                Button("Stop", role: .destructive) { measurement.stop("it was stopped on the phone") }
                    .buttonStyle(.bordered)
            }
            Spacer()
        }
        .frame(maxWidth: .infinity, alignment: .leading)
        .padding()
        .navigationTitle("Benchmark")
        .onChange(of: phase) { phase in
            if phase == .background { measurement.stop("it was put in the background") }
        }
    }

    private var words: String {
        switch measurement.state {
        case .idle: "A computer starts the measurement: edgebench --device iphone15 --formats coreml"
        case .starting: "Starting…"
        case .evaluating(let done, let total): "Models loaded and evaluated: \(done) of \(total)"
        case .measuring(let done, let total): "Blocks measured: \(done) of \(total)"
        case .profiling(let done, let total): "Models profiled: \(done) of \(total)"
        case .failed(let reason): reason
        }
    }
}
