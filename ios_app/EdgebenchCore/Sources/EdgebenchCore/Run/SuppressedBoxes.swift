/// A detector that ends in Core ML's suppression of boxes, with the outputs that every other format gives.
///
/// Core ML's are `coordinates` (boxes, 4), centre, width and height, and `confidence` (boxes, classes), as many rows
/// as there are boxes, the best first. Theirs are `boxes` (1, 100, 4), top, left, bottom and right, `classes` and
/// `scores` (1, 100) and `count` (1), with zeros in the rows that are none.
final class SuppressedBoxes: Engine {
    private static let coordinates = "coordinates"
    private static let confidence = "confidence"
    private static let most = 100

    let outputs = [
        Tensor(name: "boxes", shape: [1, most, 4], type: .float32),
        Tensor(name: "classes", shape: [1, most], type: .int32),
        Tensor(name: "scores", shape: [1, most], type: .float32),
        Tensor(name: "count", shape: [1], type: .int32),
    ]

    private let whole: any Engine
    private let coordinatesPlace: Int
    private let confidencePlace: Int

    /// The model as it is read: this for a detector with that end, and any other as it is.
    static func read(_ engine: any Engine) -> any Engine { SuppressedBoxes(engine) ?? engine }

    private init?(_ whole: any Engine) {
        let names = whole.outputs.map(\.name)
        guard names.count == 2, let coordinatesPlace = names.firstIndex(of: Self.coordinates),
            let confidencePlace = names.firstIndex(of: Self.confidence)
        else { return nil }
        self.whole = whole
        self.coordinatesPlace = coordinatesPlace
        self.confidencePlace = confidencePlace
    }

    var inputs: [Tensor] { whole.inputs }

    var delegation: Delegation { whole.delegation }

    func feed(_ place: Int, _ values: Values) throws { try whole.feed(place, values) }

    func feed(_ place: Int, _ image: Pixels) throws { try whole.feed(place, image) }

    func run() throws { try whole.run() }

    func profile() throws -> Json? { try whole.profile() }

    func output(_ place: Int) throws -> Values {
        let likely = try whole.output(confidencePlace)
        let count = try rows(Self.confidence, likely)
        let shape = outputs[place].shape
        switch outputs[place].name {
        case "boxes": return try Values(shape, .floats(try corners(count)))
        case "classes":
            let best = (0..<count).map { Int64(Self.best(likely, $0)) }
            return try Values(shape, .integers(Self.filled(best, Self.most, with: 0)))
        case "scores":
            let columns = likely.shape[1]
            let best = (0..<count).map { likely.float($0 * columns + Self.best(likely, $0)) }
            return try Values(shape, .floats(Self.filled(best, Self.most, with: 0)))
        default: return try Values(shape, .integers([Int64(count)]))
        }
    }

    /// Top, left, bottom and right of each row.
    private func corners(_ count: Int) throws -> [Float] {
        let places = try whole.output(coordinatesPlace)
        guard try rows(Self.coordinates, places) == count, count == 0 || places.shape[1] == 4 else {
            throw ShapeMismatch("\(places.shape) are no coordinates of \(count) boxes")
        }
        let sides = (0..<count).flatMap { row -> [Float] in
            let (x, y) = (places.float(4 * row), places.float(4 * row + 1))
            let (width, height) = (places.float(4 * row + 2), places.float(4 * row + 3))
            return [y - height / 2, x - width / 2, y + height / 2, x + width / 2]
        }
        return Self.filled(sides, 4 * Self.most, with: 0)
    }

    /// How many boxes there are, of which no more are given than there is room for. Throws `ShapeMismatch`.
    private func rows(_ name: String, _ values: Values) throws -> Int {
        guard values.shape.count == 2, values.shape[0] == 0 || values.shape[1] > 0 else {
            throw ShapeMismatch("\(name) \(values.shape) has no rows of boxes")
        }
        return min(values.shape[0], Self.most)
    }

    /// The most likely class of a row, of equal ones the first.
    private static func best(_ likely: Values, _ row: Int) -> Int {
        let columns = likely.shape[1]
        return (1..<columns).reduce(0) { likely.float(row * columns + $1) > likely.float(row * columns + $0) ? $1 : $0 }
    }

    private static func filled<Element>(_ values: [Element], _ count: Int, with nothing: Element) -> [Element] {
        values + [Element](repeating: nothing, count: count - values.count)
    }
}
