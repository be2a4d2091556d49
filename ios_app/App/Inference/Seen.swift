import EdgebenchCore
import Foundation

/// What a screen shows: one state, made anew with each picture.
enum Seen: Sendable {
    /// A model is being loaded.
    case loading
    /// It cannot be run, and why.
    case failed(String)
    case predicted(Predicted)

    /// What a model says of a picture, of which `crop` is the part that it saw.
    struct Predicted: Sendable {
        let model: BundledModel
        let prediction: Prediction
        let medianMs: Double
        let spreadMs: Double
        let crop: Crop
    }
}

extension Seen {
    /// The state in words.
    var words: String {
        switch self {
        case .loading: "Loading…"
        case .failed(let reason): reason
        case .predicted(let found): "\(found.latency)\n\(found.words)"
        }
    }
}

extension Seen.Predicted {
    /// Boxes that are less likely are not shown.
    static let shownScore = 0.3
    private static let mostNames = 8

    var latency: String { "\(decimal(medianMs)) ms, ± \(decimal(spreadMs))" }

    var boxes: [Box] {
        if case .boxes(let boxes) = prediction { return boxes.filter { $0.score >= Self.shownScore } }
        return []
    }

    var words: String {
        guard model.isTrained else { return "The weights are not trained: what this model says means nothing." }
        switch prediction {
        case .classes(let ranked):
            return ranked.map { "\($0.index < 0 ? "background" : model.label($0.index)), \(percent($0.score))" }
                .joined(separator: "\n")
        case .boxes: return boxes.count == 1 ? "1 thing" : "\(boxes.count) things"
        case .map(let map):
            return Set(map.classes).sorted().prefix(Self.mostNames).map(model.label).joined(separator: ", ")
        case .numbers(let numbers):
            return numbers.sorted { $0.key < $1.key }.map { name, values in
                let shown = (0..<min(values.count, Self.mostNames)).map { decimal(values.double($0)) }
                return "\(name): \(shown.joined(separator: ", "))"
            }
            .joined(separator: "\n")
        }
    }
}

func decimal(_ value: Double) -> String { value.formatted(.number.precision(.fractionLength(1))) }

func percent(_ share: Double) -> String { share.formatted(.percent.precision(.fractionLength(0))) }
