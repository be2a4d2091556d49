import Testing

@testable import EdgebenchCore

/// A model with the outputs of Core ML's suppression, in Core ML's order of names.
private final class Suppressed: Engine {
    let inputs: [Tensor] = []
    let outputs: [Tensor]
    private let made: [Values]

    init(confidence: [[Float]], coordinates: [[Float]], columns: Int = 2) throws {
        outputs = ["confidence", "coordinates"].map { Tensor(name: $0, shape: [0, 0], type: .float32) }
        made = [
            try .floats([confidence.count, columns], confidence.flatMap { $0 }),
            try .floats([coordinates.count, 4], coordinates.flatMap { $0 }),
        ]
    }

    func feed(_ place: Int, _ values: Values) throws {}
    func feed(_ place: Int, _ image: Pixels) throws {}
    func run() throws {}
    func output(_ place: Int) throws -> Values { made[place] }
}

@Suite struct SuppressedBoxesTests {
    private func read(_ engine: any Engine) throws -> [String: Values] {
        let found = SuppressedBoxes.read(engine)
        return Dictionary(
            uniqueKeysWithValues: try found.outputs.enumerated().map { place, tensor in
                let values = try found.output(place)
                #expect(values.shape == tensor.shape)
                return (tensor.name, values)
            })
    }

    @Test func boxesAreCornersAndHaveOneClassEach() throws {
        let coordinates: [[Float]] = [[0.5, 0.25, 0.5, 0.25], [1, 1, 0, 0]]
        let found = try read(Suppressed(confidence: [[0.25, 0.75], [0.5, 0.5]], coordinates: coordinates))
        #expect(found["count"]?.doubles == [2])
        #expect(found["boxes"]?.doubles.prefix(12) == [0.125, 0.25, 0.375, 0.75, 1, 1, 1, 1, 0, 0, 0, 0])
        #expect(found["classes"]?.doubles.prefix(3) == [1, 0, 0])
        #expect(found["scores"]?.doubles.prefix(3) == [0.75, 0.5, 0])
    }

    @Test func nothingFoundIsNoBox() throws {
        let found = try read(Suppressed(confidence: [], coordinates: []))
        #expect(found["count"]?.doubles == [0])
        #expect(found["boxes"]?.doubles.allSatisfy { $0 == 0 } == true)
    }

    @Test func noMoreBoxesAreGivenThanThereIsRoomFor() throws {
        let rows = (0..<130).map { Float($0) }
        let found = try read(
            Suppressed(confidence: rows.map { [0, 200 - $0] }, coordinates: rows.map { [$0, $0, 0, 0] }))
        #expect(found["count"]?.doubles == [100])
        #expect(found["boxes"]?.doubles.suffix(4) == [99, 99, 99, 99])
        #expect(found["scores"]?.doubles.last == 101)
    }

    @Test func whatIsNoTableOfBoxesIsAnError() throws {
        let uneven = try Suppressed(confidence: [[1, 0]], coordinates: [])
        #expect(throws: ShapeMismatch.self) { try read(uneven) }
        let empty = try Suppressed(confidence: [[]], coordinates: [[0, 0, 0, 0]], columns: 0)
        #expect(throws: ShapeMismatch.self) { try read(empty) }
    }
}
