/// How a detector's outputs are laid out; edgebench's tasks/detection_layout.py describes every field.
struct DetectionLayout: Sendable {
    private static let formats = ["xyxy", "yxyx", "xywh", "cxcywh"]

    let format: String
    let isNormalised: Bool
    let activation: String
    let background: String
    let columns: String?
    let transposed: Set<String>
    let overlap: Double
    let score: Double
    let most: Int
    let height: Double
    let width: Double

    init(_ layout: Fields) throws {
        func word(_ name: String) throws -> String? { try layout[name].orNil { try $0.text() } }
        func number(_ name: String) throws -> Double? { try layout[name].orNil { try $0.double() } }
        format = try word("format") ?? "xyxy"
        guard Self.formats.contains(format) else {
            throw try layout["format"].invalid("a format of boxes that this app knows")
        }
        isNormalised = try word("scale") == "normalised"
        activation = try word("activation") ?? "none"
        background = try word("background") ?? "none"
        columns = try word("columns")
        transposed = Set((try word("transposed") ?? "").split(separator: "+").map(String.init))
        overlap = try number("nms") ?? 1
        score = try number("score") ?? 0
        most = try layout["most"].orNil { try $0.count() } ?? 300
        height = try number("height") ?? 1
        width = try number("width") ?? 1
    }

    /// The first column of fused detections that is a score of a class.
    var firstScore: Int { columns == "box+objectness+scores" ? 5 : 4 }

    /// A box in pixels of the model's input, from four numbers in the layout's format.
    func box(_ a: Double, _ b: Double, _ c: Double, _ d: Double, score: Double, index: Int) -> Box {
        let (left, top, right, bottom) =
            switch format {
            case "xyxy": (a, b, c, d)
            case "yxyx": (b, a, d, c)
            case "xywh": (a, b, a + c, b + d)
            default: (a - c / 2, b - d / 2, a + c / 2, b + d / 2)
            }
        let (x, y) = isNormalised ? (width, height) : (1, 1)
        return Box(left: left * x, top: top * y, right: right * x, bottom: bottom * y, score: score, index: index)
    }
}
