/// What one input is given for one example.
enum Given {
    case values(Values)
    case image(Pixels, Preprocessing)
}

/// The examples of an evaluation, one at a time: what is given by the place of the input.
struct Examples {
    private enum Source {
        case images(StoredArray, Preprocessing)
        case arrays([(input: StoredInput, array: StoredArray)])
    }

    let count: Int
    private let source: Source

    /// At most `limit` examples. Throws `RunnerError`.
    init(_ files: RunFiles, _ evaluation: EvaluationInputs, limit: Int?) throws {
        let file = try files.checked(evaluation.file, evaluation.sha256)
        let there: Int
        if evaluation.arrays.isEmpty {
            let images = try StoredArray(file, "images", row: "image")
            let header = images.header
            guard header.type == .uint8, header.shape.count == 4, header.shape[3] == 3 else {
                throw RunnerError(
                    "\(file.path) has no images that can be read (they are \(header.type) of shape \(header.shape))")
            }
            source = .images(images, evaluation.preprocessing)
            there = images.count
        } else {
            let arrays = try evaluation.arrays.map { ($0, try StoredArray(file, $0.array, row: "input")) }
            source = .arrays(arrays)
            there = arrays.map(\.1.count).min() ?? 0
        }
        count = min(there, limit ?? there)
    }

    /// The next example. Throws `RunnerError` and `ShapeMismatch`.
    func next(for engine: any Engine) throws -> [Int: Given] {
        switch source {
        case .images(let images, let how):
            let (height, width) = (images.rowShape[0], images.rowShape[1])
            return [0: .image(try Pixels(height: height, width: width, rgb: try images.nextBytes()), how)]
        case .arrays(let arrays):
            var found: [Int: Given] = [:]
            for (input, array) in arrays {
                found[try engine.placeOfInput(input.name)] = .values(try array.next().transposed(input.axes))
            }
            return found
        }
    }
}

extension Engine {
    /// Set every input: those that are given, and the others to fixed noise. Throws `RunnerError`.
    func fill(_ given: [Int: Given] = [:]) throws {
        var chance = Noise()
        for (place, input) in inputs.enumerated() {
            if let one = given[place] {
                try feed(place, one)
            } else {
                try feed(place, noise: &chance, input)
            }
        }
    }

    /// Set one input. Throws `RunnerError` where the plan does not fit the model.
    func feed(_ place: Int, _ given: Given) throws {
        do {
            guard inputs.indices.contains(place) else {
                throw ShapeMismatch("the plan fills input \(place), of \(inputs.count)")
            }
            switch given {
            case .values(let values): try feed(place, values)
            case .image(let pixels, let how):
                if case .image = inputs[place].kind {
                    try feed(place, pixels)
                } else {
                    try feed(place, pixels.prepared(how))
                }
            }
        } catch let error as ShapeMismatch {
            throw RunnerError("the plan does not fit the model: \(error)")
        }
    }

    private func feed(_ place: Int, noise chance: inout Noise, _ input: Tensor) throws {
        if case .image(let height, let width, _) = input.kind {
            let rgb = (0..<height * width * 3).map { _ in UInt8(truncatingIfNeeded: chance.next() >> 56) }
            try feed(place, Pixels(height: height, width: width, rgb: rgb))
            return
        }
        let noise = (0..<(try input.shape.product())).map { _ in Float.random(in: -1..<1, using: &chance) }
        try feed(place, Values(input.shape, .floats(noise)))
    }
}

/// The same random numbers each time (Steele, Lea and Flood, SplitMix64, OOPSLA 2014).
private struct Noise: RandomNumberGenerator {
    private var state: UInt64 = 0

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
