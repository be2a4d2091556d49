import Foundation

/// What is kept of an output, of one image: the cases of reductions.json say what each kind gives.
extension Reduction {
    /// The values that are kept, in the reduction's shape. Throws `ShapeMismatch`.
    ///
    /// `outputs` are all that the plan keeps, by name, in ONNX's order of axes.
    public func apply(to name: String, of outputs: [String: Values]) throws -> Values {
        let values = try Self.output(name, outputs).reshaped(source)
        let kept: Values
        switch kind {
        case "identity": kept = values
        case "argmax": kept = try Self.argmax(values, try axis(of: values))
        case "threshold": kept = try thresholded(values)
        case "top_rows": kept = try topRows(values, outputs)
        default: throw ShapeMismatch("this app has no reduction '\(kind)'")
        }
        guard kept.shape == shape else {
            throw ShapeMismatch("the output \(name) gives \(kept.shape) for an image, but the plan expects \(shape)")
        }
        return kept
    }

    /// The type of what is kept. Throws `ShapeMismatch` for one that this app does not write.
    public func type() throws -> ElementType {
        guard let type = ElementType(rawValue: dtype), [.float32, .int32, .uint8, .uint16].contains(type) else {
            throw ShapeMismatch("this app keeps no \(dtype)")
        }
        return type
    }

    /// Values as the file of their role holds them: little-endian, rounded where it holds whole numbers.
    public func bytes(_ values: Values) throws -> Data {
        switch try type() {
        case .float32: data(values) { values.float($0).bitPattern.littleEndian }
        case .uint8: data(values) { UInt8(truncatingIfNeeded: values.integer($0)) }
        case .uint16: data(values) { UInt16(truncatingIfNeeded: values.integer($0)).littleEndian }
        default: data(values) { UInt32(truncatingIfNeeded: values.integer($0)).littleEndian }
        }
    }

    private func data<Element>(_ values: Values, _ element: (Int) -> Element) -> Data {
        (0..<values.count).map(element).withUnsafeBytes { Data($0) }
    }

    private static func output(_ name: String, _ outputs: [String: Values]) throws -> Values {
        guard let values = outputs[name] else { throw ShapeMismatch("the plan keeps no output \(name)") }
        return values
    }

    private func axis(of values: Values) throws -> Int {
        guard let axis, values.shape.indices.contains(axis), values.shape[axis] > 0 else {
            throw ShapeMismatch("\(values.shape) has no axis for \(kind)")
        }
        return axis
    }

    private static func argmax(_ values: Values, _ axis: Int) throws -> Values {
        let rows = values.shape[axis]
        let inner = try Array(values.shape[(axis + 1)...]).product()
        let outer = try Array(values.shape[..<axis]).product()
        let best = (0..<outer * inner).map { place -> Int64 in
            let start = place / inner * rows * inner + place % inner
            var largest = 0
            for row in 1..<max(rows, 1)
            where values.double(start + row * inner) > values.double(start + largest * inner) {
                largest = row
            }
            return Int64(largest)
        }
        return try Values(values.shape.enumerated().filter { $0.offset != axis }.map(\.element), .integers(best))
    }

    private func thresholded(_ values: Values) throws -> Values {
        guard let threshold else { throw ShapeMismatch("the plan names no threshold") }
        var bound = threshold
        // Floats are compared in their own precision.
        if case .floats = values.storage { bound = Double(Float(threshold)) }
        return try Values(values.shape, .integers((0..<values.count).map { values.double($0) > bound ? 1 : 0 }))
    }

    private func topRows(_ values: Values, _ outputs: [String: Values]) throws -> Values {
        let axis = try axis(of: values)
        guard let rank, let count else { throw ShapeMismatch("the plan does not say which rows are best") }
        let rows = values.shape[axis]
        let best = try Self.bestRows(rank, outputs).prefix(count)
        guard best.count == count, best.allSatisfy({ $0 < rows }) else {
            throw ShapeMismatch("\(values.shape) has no \(count) rows that are ranked")
        }
        let inner = try Array(values.shape[(axis + 1)...]).product()
        let outer = try Array(values.shape[..<axis]).product()
        var places: [Int] = []
        places.reserveCapacity(outer * count * inner)
        for block in 0..<outer {
            for row in best {
                let start = (block * rows + row) * inner
                places.append(contentsOf: start..<start + inner)
            }
        }
        var shape = values.shape
        shape[axis] = count
        return try values.at(places, shape)
    }

    /// All rows, the best first; of equal rows the first.
    private static func bestRows(_ rank: RowRank, _ outputs: [String: Values]) throws -> [Int] {
        var table = try output(rank.output, outputs).reshaped(rank.source)
        guard table.shape.count == 2 else { throw ShapeMismatch("\(table.shape) is no table of rows") }
        if rank.axis == 1 { table = try table.transposed([1, 0]) }
        let (rows, columns) = (table.shape[0], table.shape[1])
        guard rank.first < rank.end, rank.end <= columns, rank.times ?? 0 < columns else {
            throw ShapeMismatch("\(table.shape) has no columns \(rank.first) to \(rank.end)")
        }
        let scores = (0..<rows).map { row in
            let largest = (rank.first..<rank.end).map { table.float(row * columns + $0) }.max() ?? 0
            return rank.times.map { largest * table.float(row * columns + $0) } ?? largest
        }
        // Swift's sort is stable today, but does not promise it.
        return scores.indices.sorted { scores[$0] > scores[$1] || (scores[$0] == scores[$1] && $0 < $1) }
    }
}
