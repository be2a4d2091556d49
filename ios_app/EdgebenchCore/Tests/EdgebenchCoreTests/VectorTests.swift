import Foundation
import Testing

@testable import EdgebenchCore

@Suite struct VectorTests {
    @Test func outputsAreReducedBitByBit() throws {
        for one in try vectors("reductions.json") {
            let name = try one["name"].text()
            let reduction = try Reduction(one["reduction"])
            let kept = try one["kept"].nested()
            // Each image by itself, as on a device.
            let images = kept.count / (try reduction.shape.product())
            var found = Data()
            for image in 0..<images {
                var outputs: [String: Values] = [:]
                for (output, all) in try one["outputs"].map({ try $0.nested() }) {
                    let size = all.count / images
                    outputs[output] = try .floats([size], all[image * size..<(image + 1) * size].map { Float($0) })
                }
                found += try reduction.bytes(reduction.apply(to: one["output"].text(), of: outputs))
            }
            let wanted = try reduction.bytes(.floats([kept.count], kept.map { Float($0) }))
            #expect(found == wanted, "\(name)")
        }
    }

    @Test func imagesBecomeInputs() throws {
        for one in try vectors("preprocessing.json") {
            let name = try one["name"].text()
            let image = try one["image"].nested()
            let height = try one["image"].list { _ in 1 }.count
            let pixels = try Pixels(height: height, width: image.count / height / 3, rgb: image.map { UInt8($0) })
            let fields = try one["input"]
            let shape = try fields["shape"].counts()
            let type = try #require(ElementType(rawValue: try fields["dtype"].text()))
            let input = Tensor(
                name: "input", shape: shape, type: type, scale: Float(try fields["scale"].double()),
                zeroPoint: try fields["zero_point"].int())
            var bytes = [UInt8](repeating: 0, count: try input.byteCount())
            try bytes.withUnsafeMutableBytes { try input.encode(pixels.prepared(Preprocessing(one)), into: $0) }
            let stored = try bytes.withUnsafeBytes { try elements($0, type, shape) }
            for (found, wanted) in zip(stored.doubles, try one["stored"].nested()) {
                #expect(abs(found - wanted) <= (type == .float32 ? 1e-6 : 0), "\(name)")
            }
        }
    }

    @Test func outputsAreDecoded() throws {
        for one in try vectors("decoding.json") {
            let name = try one["name"].text()
            var outputs: [String: Values] = [:]
            let kept = try one["task"]["outputs"].list { output in
                let reduction = try Reduction(output["reduction"])
                let role = try output["role"].text()
                outputs[role] = try one["kept"][role].floats(reduction.shape)
                return KeptOutput(
                    role: role, output: try output["output"].text(), name: "", axes: [], reduction: reduction)
            }
            let task = try ModelTask(one["task"]["task"].text(), kept: kept, layout: one["task"]["layout"])
            let decoded = try one["decoded"]
            switch try task.decode(outputs) {
            case .classes(let found):
                let wanted = try decoded["classes"].list { try $0.nested() }
                #expect(found.map(\.index) == wanted.map { Int($0[0]) }, "\(name)")
                for (one, other) in zip(found, wanted) { #expect(abs(one.score - other[1]) <= 1e-12, "\(name)") }
            case .boxes(let found):
                let numbers = found.flatMap { [$0.left, $0.top, $0.right, $0.bottom, $0.score, Double($0.index)] }
                let wanted = try decoded["boxes"].nested()
                #expect(numbers.count == wanted.count, "\(name)")
                for (one, other) in zip(numbers, wanted) { #expect(abs(one - other) <= 1e-5, "\(name)") }
            case .map(let found):
                let wanted = try decoded["map"].nested()
                #expect(found.classes.map(Double.init) == wanted, "\(name)")
            case .numbers: Issue.record("\(name)")
            }
        }
    }

    @Test(
        arguments: [
            (0x3C00, 1), (0xC000, -2), (0x0001, 5.9604645e-8), (0x7BFF, 65504), (0x0400, 6.1035156e-5),
            (0x03FF, 6.097555e-5), (0x8000, -0.0), (0x7C00, .infinity),
        ] as [(UInt16, Float)])
    func halvesAreThoseOfIeee754(bits: UInt16, value: Float) {
        #expect(Half.float(bits) == value)
        #expect(Half.bits(value) == bits)
    }

    @Test(
        arguments: [(2049, 0x6800), (2051, 0x6802), (65520, 0x7C00), (1e-9, 0), (2047.9, 0x6800)] as [(Float, UInt16)])
    func halvesAreRoundedToEven(value: Float, bits: UInt16) { #expect(Half.bits(value) == bits) }

    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (String(repeating: "a", count: 1000), "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"),
    ])
    func hashesAreThoseOfFips180(text: String, hash: String) { #expect(Sha256.hex(text.utf8) == hash) }
}
