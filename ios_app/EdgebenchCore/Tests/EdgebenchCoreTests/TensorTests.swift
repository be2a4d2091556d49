import Foundation
import Testing

@testable import EdgebenchCore

@Suite struct TensorTests {
    @Test func cropsTakeTheMiddle() throws {
        let crop = Crop(width: 4, height: 2, toWidth: 2, toHeight: 2)
        let bgra = (0..<8).flatMap { (pixel: UInt8) -> [UInt8] in [pixel, pixel + 10, pixel + 20, 0] }
        let pixels = try bgra.withUnsafeBytes { try crop.pixels(bgra: $0, rowBytes: 16) }
        #expect(pixels.rgb == [21, 11, 1, 22, 12, 2, 25, 15, 5, 26, 16, 6])
        #expect(throws: ShapeMismatch.self) { try bgra.withUnsafeBytes { try crop.pixels(bgra: $0, rowBytes: 8) } }
    }

    @Test func rolesAreQuotedAsInUrls() {
        #expect(quoted("a/ü~_.-") == "a%2F%C3%BC~_.-")
    }

    @Test func headersAreThoseOfNumpy() throws {
        let header = NpyHeader(type: .float32, shape: [24, 5])
        let bytes = header.bytes()
        #expect(bytes.count % 64 == 0 && bytes.last == UInt8(ascii: "\n"))
        var rest = [UInt8](bytes)
        let read = try NpyHeader.read { count in
            defer { rest.removeFirst(count) }
            return Array(rest.prefix(count))
        }
        #expect(read == header && rest.isEmpty)
    }

    @Test func planParametersThatDoNotFitAreErrors() throws {
        func reduction(_ changed: JsonObject) throws -> Reduction {
            let plain: JsonObject = [
                "kind": "argmax", "source": Json([2, 3]), "shape": Json([2]), "dtype": "uint8", "axis": Json(1),
            ]
            return try Reduction(Fields(.object(plain.with(changed)), "reduction"))
        }
        let outputs = ["y": try Values.floats([1, 6], [1, 2, 3, 6, 5, 4])]
        let best = try reduction([:]).bytes(reduction([:]).apply(to: "y", of: outputs))
        #expect(best == Data([2, 0]))
        let rank: Json = [
            "output": "y", "source": Json([2, 3]), "axis": Json(0), "first": Json(0), "end": Json(9), "times": .null,
        ]
        let bad: [JsonObject] = [
            ["axis": Json(2)], ["axis": .null], ["source": Json([7])], ["kind": "median"], ["dtype": "int64"],
            ["kind": "top_rows", "axis": Json(0), "count": Json(3), "rank": rank], ["kind": "threshold"],
        ]
        for one in bad {
            #expect(throws: ShapeMismatch.self, "\(one)") {
                try reduction(one).bytes(reduction(one).apply(to: "y", of: outputs))
            }
        }
    }

    @Test func aWarmUpEndsWhenTwoWindowsAreAlike() throws {
        final class Still: Engine {
            let inputs: [Tensor] = []
            let outputs: [Tensor] = []
            func feed(_ place: Int, _ values: Values) throws {}
            func feed(_ place: Int, _ image: Pixels) throws {}
            func run() throws {}
            func output(_ place: Int) throws -> Values { try Values([0], .floats([])) }
        }
        var times = [900, 500, 300, 200, 100, 100, 100, 101].makeIterator()
        var now: UInt64 = 0
        var started = false
        let found = try warmUp(Still(), WarmupRule(window: 2, tolerance: 0.05, maxSeconds: 1)) {
            started.toggle()
            if !started { now += UInt64(times.next() ?? 1_000_000_000) }
            return now
        }
        #expect(found.steady && found.timesNs == [900, 500, 300, 200, 100, 100, 100, 101])
    }

    @Test func latenciesAreSummedUp() throws {
        var latencies = Latencies(size: 3)
        #expect(latencies.summary == nil)
        for one in [9, 1, 2, 4] as [UInt64] { latencies.add(one * 1_000_000) }
        let summary = try #require(latencies.summary)
        #expect(summary.medianMs == 2 && summary.spreadMs == 1)
    }
}
