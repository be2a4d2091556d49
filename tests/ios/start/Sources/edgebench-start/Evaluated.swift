import EdgebenchCore
import Foundation
import Glibc

/// Asks the evaluator of programs in the tests' own process: it computes each inference when it is asked for.
///
/// So outputs are those of the program, and times are those of this machine's evaluator: they say nothing of a phone.
struct EvaluatedRuntime: Runtime {
    let format = "coreml"
    let name = "a test engine: the MIL evaluator of edgebench"
    let version = "0"
    let socket: String

    func prepare(_ model: URL) throws -> URL { model }

    func runsOnCpuAlone(delegate: String) -> Bool { (try? ComputeUnits(delegate: delegate)) == .cpu }

    func open(_ model: URL, threads: Int, delegate: String) throws -> any Engine {
        try EvaluatedEngine(try Line(socket), model, delegate, try ComputeUnits(delegate: delegate))
    }
}

final class EvaluatedEngine: Engine {
    let inputs: [Tensor]
    let outputs: [Tensor]
    let delegation: Delegation
    private let line: Line
    private var given: [[UInt8]]
    private var made: [(shape: [Int], bytes: [UInt8])] = []

    init(_ line: Line, _ model: URL, _ delegate: String, _ units: ComputeUnits) throws {
        self.line = line
        let question: Json = ["open": Json(model.path), "delegate": Json(delegate)]
        try line.send(Array((question.line + "\n").utf8))
        let answer = Fields(try Json(reading: try line.read(until: UInt8(ascii: "\n"))), "answer")
        if let error = try answer["error"].orNil({ try $0.text() }) { throw RunnerError(error) }
        inputs = try answer["inputs"].list(Self.tensor)
        outputs = try answer["outputs"].list(Self.tensor)
        given = try inputs.map { [UInt8](repeating: 0, count: try $0.byteCount()) }
        let placement = try answer["placement"].orNil {
            try $0.list { one in
                PlacedOperation(
                    name: try one["name"].text(), type: try one["type"].text(), processor: try one["processor"].text(),
                    weight: try one["weight"].orNil { try $0.double() })
            }
        }
        delegation = placement.map { Delegation(placement: $0, wanted: units.wanted) } ?? Delegation()
    }

    private static func tensor(_ fields: Fields) throws -> Tensor {
        let shape = try fields["shape"].counts()
        let type = ElementType(rawValue: try fields["dtype"].text()) ?? .float32
        guard try fields["image"].flag() else {
            return Tensor(name: try fields["name"].text(), shape: shape, type: type)
        }
        let kind = Tensor.Kind.image(height: shape[2], width: shape[3], grey: shape[1] == 1)
        return Tensor(name: try fields["name"].text(), shape: shape, type: .uint8, kind: kind)
    }

    func feed(_ place: Int, _ values: Values) throws {
        try given[place].withUnsafeMutableBytes { try inputs[place].encode(values, into: $0) }
    }

    func feed(_ place: Int, _ image: Pixels) throws {
        guard case .image(let height, let width, let grey) = inputs[place].kind,
            height == image.height, width == image.width
        else { throw ShapeMismatch("the input \(inputs[place].name) takes another image") }
        let pixels = height * width
        given[place] =
            grey
            ? image.greyLevels()
            : (0..<3).flatMap { channel in (0..<pixels).map { image.rgb[3 * $0 + channel] } }
    }

    func run() throws {
        try line.send(Array("{\"run\": true}\n".utf8) + given.flatMap { $0 })
        let shapes = Fields(try Json(reading: try line.read(until: UInt8(ascii: "\n"))), "shapes")
        made = try zip(outputs, shapes.list { try $0.counts() }).map { output, shape in
            (shape, try line.read(try shape.product() * output.type.byteCount))
        }
    }

    func output(_ place: Int) throws -> Values {
        let tensor = Tensor(name: outputs[place].name, shape: made[place].shape, type: outputs[place].type)
        return try made[place].bytes.withUnsafeBytes { try tensor.decode($0) }
    }
}

/// A connection to the tests' process.
final class Line {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8.prefix(107))) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard connected == 0 else { throw RunnerError("the evaluator does not answer at \(path)") }
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw RunnerError("the evaluator has gone") }
            sent += count
        }
    }

    func read(_ count: Int) throws -> [UInt8] {
        var found = [UInt8](repeating: 0, count: count)
        var place = 0
        while place < count {
            let got = found[place...].withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard got > 0 else { throw RunnerError("the evaluator has failed") }
            place += got
        }
        return found
    }

    func read(until end: UInt8) throws -> [UInt8] {
        var found: [UInt8] = []
        while true {
            let next = try read(1)[0]
            if next == end { return found }
            found.append(next)
        }
    }
}
