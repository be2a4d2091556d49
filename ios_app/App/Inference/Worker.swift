import EdgebenchCore
import Foundation

/// A picture in memory: four bytes for each pixel, blue first.
struct Picture: Sendable {
    let id = UUID()
    let width: Int
    let height: Int
    let rowBytes: Int
    let bgra: [UInt8]
}

/// Loads a model and runs it, one thing after the other and never on the main thread.
actor Worker {
    private let store: ModelStore
    private var predictor: Predictor?
    private var latencies = Latencies()
    private var wanted: Choice?

    init(_ store: ModelStore) { self.store = store }

    /// Load another model: what the screen shows meanwhile, or if that fails.
    func load(_ choice: Choice) async -> Seen? {
        predictor = nil
        latencies = Latencies()
        wanted = choice
        do {
            let loaded = try await store.open(choice)
            guard wanted == choice else { return .loading }  // Another one was chosen meanwhile.
            predictor = loaded
            return nil
        } catch {
            return .failed(sentence(error))
        }
    }

    /// Predict from the middle of a picture, `times` times: a single inference says nothing of the latency.
    func predict(_ picture: Picture, times: Int = 1) -> Seen? {
        guard let predictor else { return nil }
        let model = predictor.model
        let crop = Crop(width: picture.width, height: picture.height, toWidth: model.width, toHeight: model.height)
        do {
            let pixels = try picture.bgra.withUnsafeBytes { try crop.pixels(bgra: $0, rowBytes: picture.rowBytes) }
            var prediction = try predictor.predict(pixels)
            latencies.add(predictor.inferenceNs)
            for _ in 1..<max(times, 1) {
                prediction = try predictor.predict(pixels)
                latencies.add(predictor.inferenceNs)
            }
            guard let latency = latencies.summary else { return nil }
            return .predicted(
                Seen.Predicted(
                    model: model, prediction: prediction, medianMs: latency.medianMs, spreadMs: latency.spreadMs,
                    crop: crop))
        } catch {
            self.predictor = nil
            return .failed(sentence(error))
        }
    }
}
