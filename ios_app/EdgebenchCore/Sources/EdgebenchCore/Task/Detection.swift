import Foundation

/// From a detector's outputs to boxes.
struct Detection: Sendable {
    /// So many pairs of a box and a class, the best, are thinned out.
    private static let most = 1000

    let layout: DetectionLayout

    /// Throws `ShapeMismatch`.
    func decode(_ outputs: [String: Values]) throws -> [Box] {
        let tables = try outputs.filter { $0.key != "count" }.mapValues { $0 }
            .reduce(into: [String: Table]()) {
                $0[$1.key] = try Table($1.value, turned: layout.transposed.contains($1.key))
            }
        let fused = tables["detections"]
        guard let boxes = fused ?? tables["boxes"], boxes.columns >= 4 else {
            throw ShapeMismatch("the detector has no boxes")
        }
        var rows = boxes.rows
        if let count = outputs["count"], count.count > 0 { rows = min(max(Int(count.integer(0)), 0), rows) }
        var candidates: [Candidate] = []
        for row in 0..<rows { try scored(row, fused, tables, &candidates) }
        // Of equal scores the first row and class comes first.
        var best = candidates.enumerated()
            .sorted { ($1.element.score, $0.offset) < ($0.element.score, $1.offset) }
            .map(\.element).filter { $0.index >= 0 }
        let thins = layout.overlap < 1
        if thins { best = Array(best.prefix(Self.most)) }
        let found = best.map { one in
            layout.box(
                boxes[one.row, 0], boxes[one.row, 1], boxes[one.row, 2], boxes[one.row, 3],
                score: one.score, index: one.index)
        }
        return Array((thins ? thinnedOut(found) : found).prefix(layout.most))
    }

    private struct Candidate {
        let row: Int
        let score: Double
        let index: Int
    }

    private func scored(
        _ row: Int, _ fused: Table?, _ tables: [String: Table], _ candidates: inout [Candidate]
    ) throws {
        func add(_ score: Double, _ column: Int) {
            guard score > layout.score else { return }
            let index = layout.background == "first" ? column - 1 : column
            candidates.append(Candidate(row: row, score: score, index: index))
        }
        if let fused, layout.columns == "box+score+class" {
            add(try fused.at(row, 4), whole(try fused.at(row, 5)))
            return
        }
        if fused == nil, let classes = tables["classes"] {
            let score = try Self.table("scores", tables).at(row, 0)
            add(activated([score])[0], whole(try classes.at(row, 0)))
            return
        }
        let scores = try fused ?? Self.table("scores", tables)
        let first = fused == nil ? 0 : layout.firstScore
        let found = activated(try (first..<max(scores.columns, first)).map { try scores.at(row, $0) })
        let certain = layout.columns == "box+objectness+scores" ? activated([try scores.at(row, 4)])[0] : 1
        let last = layout.background == "last" ? 1 : 0
        for column in 0..<max(found.count - last, 0) { add(found[column] * certain, column) }
    }

    private static func table(_ role: String, _ tables: [String: Table]) throws -> Table {
        guard let table = tables[role] else { throw ShapeMismatch("the detector has no \(role)") }
        return table
    }

    private func whole(_ value: Double) -> Int { Int(Int64(saturating: value.rounded(.toNearestOrEven))) }

    private func activated(_ scores: [Double]) -> [Double] {
        switch layout.activation {
        case "sigmoid": scores.map { 1 / (1 + exp(-$0)) }
        case "softmax": softmax(scores)
        default: scores
        }
    }

    /// Without the boxes that overlap a better one of their class (greedy non-maximum suppression).
    private func thinnedOut(_ boxes: [Box]) -> [Box] {
        var stays: [Box] = []
        for box in boxes where !stays.contains(where: { $0.index == box.index && $0.overlap(box) > layout.overlap }) {
            stays.append(box)
        }
        return stays
    }
}

/// Rows of columns, in double precision.
private struct Table {
    let rows: Int
    let columns: Int
    private let values: Values
    private let turned: Bool

    /// A column, or a table whose rows are last where it is `turned`. Throws `ShapeMismatch`.
    init(_ values: Values, turned: Bool) throws {
        self.values = values
        self.turned = turned
        switch values.shape.count {
        case 1: (rows, columns) = (values.shape[0], 1)
        case 2: (rows, columns) = turned ? (values.shape[1], values.shape[0]) : (values.shape[0], values.shape[1])
        default: throw ShapeMismatch("\(values.shape) is no table of boxes")
        }
    }

    subscript(row: Int, column: Int) -> Double {
        values.double(turned && values.shape.count == 2 ? column * rows + row : row * columns + column)
    }

    func at(_ row: Int, _ column: Int) throws -> Double {
        guard row < rows, column < columns else {
            throw ShapeMismatch("\(values.shape) has no row \(row) with a column \(column)")
        }
        return self[row, column]
    }
}
