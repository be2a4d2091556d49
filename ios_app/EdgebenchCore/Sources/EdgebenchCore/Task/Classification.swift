import Foundation

/// One score for each class: logits, or probabilities.
struct Classification: Sendable {
    private static let shown = 5

    private let areLogits: Bool
    private let offset: Int

    init(role: String, _ layout: Fields) throws {
        areLogits = role == "logits"
        offset = try layout["background"].orNil { try $0.text() } == "first" ? 1 : 0
    }

    func decode(_ values: Values) -> [ScoredClass] {
        let scores = (0..<values.count).map(values.double)
        let found = areLogits ? softmax(scores) : scores
        let best = found.indices.sorted { found[$0] > found[$1] || (found[$0] == found[$1] && $0 < $1) }
        return best.prefix(Self.shown).map { ScoredClass(index: $0 - offset, score: found[$0]) }
    }
}

/// Of one row; the largest is taken off first, so that nothing overflows.
func softmax(_ values: [Double]) -> [Double] {
    guard let largest = values.max() else { return values }
    let powers = values.map { exp($0 - largest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
}
