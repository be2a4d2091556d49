import XCTest

@testable import EdgebenchCore

/// A model whose first output is the sum of its input, and whose second is twice the input; `nan` gives NaN.
private final class ToyEngine: Engine {
    let inputs = [Tensor(name: "x", shape: [1, 3, 2, 2], type: .float32)]
    let outputs = [
        Tensor(name: "twice", shape: [1, 3, 2, 2], type: .float32), Tensor(name: "sum", shape: [1, 1], type: .float32),
    ]
    let name: String
    private var fed = Array(repeating: Float(0), count: 12)

    init(_ name: String) { self.name = name }

    func feed(_ place: Int, _ values: Values) throws {
        guard values.shape == inputs[place].shape else { throw ShapeMismatch("x takes 12 values") }
        fed = (0..<12).map(values.float)
    }

    func feed(_ place: Int, _ image: Pixels) throws { throw ShapeMismatch("x is no image") }

    func run() throws {}

    func output(_ place: Int) throws -> Values {
        if name == "nan" {
            let shape = outputs[place].shape
            return try .floats(shape, Array(repeating: .nan, count: shape.product()))
        }
        return place == 1 ? try .floats([1, 1], [fed.reduce(0, +)]) : try .floats([1, 3, 2, 2], fed.map { 2 * $0 })
    }

    func profile() throws -> Json? {
        ["source": "toys", "inferences": Json(1), "whole_s": Json(0.5), "operations": .list([])]
    }
}

/// Opens toys by what their file says; one that is called broken does not open.
private struct ToyRuntime: Runtime {
    let format = "coreml"
    let name = "toys"
    let version = "1"

    func prepare(_ model: URL) throws -> URL { model }

    func runsOnCpuAlone(delegate: String) -> Bool { delegate == "none" }

    func open(_ model: URL, threads: Int, delegate: String) throws -> any Engine {
        let name = try String(contentsOf: model, encoding: .utf8)
        if name == "broken" { throw RunnerError("the toy is broken") }
        return ToyEngine(name)
    }
}

private struct ToyMachine: Machine {
    let system = "Toy"
    let kernel = "1"
    let architecture = "toy"
    let processor: String? = nil
    let coreCount = 2
    let allowedCores: [Int]? = nil
    let memory: MemoryUse? = nil

    func pin(_ cores: [Int]) throws { throw RunnerError("cannot choose cores") }
    func raisePriority() {}
    func readings() -> Readings { Readings() }
}

final class StartTests: XCTestCase {
    private var home: Folder!

    override func setUpWithError() throws { home = try Folder() }

    private func plan(_ models: [String], changed: JsonObject = [:]) throws {
        var artifacts = JsonObject()
        for model in models {
            try home.write("files/\(model)", model)
            artifacts[model] = [
                "key": Json(model), "file": Json(model), "sha256": Json(Sha256.hex(model.utf8)), "format": "coreml",
                "evaluation": .null,
            ]
        }
        let blocks = (0..<4).map { index -> Json in
            [
                "index": Json(index), "process": Json(index / 2), "group": "toys",
                "order": Json(models + models.reversed()),
            ]
        }
        let plan: JsonObject = [
            "schema": "edgebench.plan/4", "id": "toys", "seed": Json(0), "threads": Json(1), "cores": .null,
            "delegate": "none", "artifacts": .object(artifacts),
            "groups": .list([
                [
                    "name": "toys", "baseline": Json(models[0]), "slots": Json(models),
                    "turn": ["samples": Json(3), "dropped": Json(1), "batch": Json(2)],
                ]
            ]),
            "processes": Json(2), "first_look": Json(2), "blocks": .list(blocks),
            "warmup": ["window": Json(2), "tolerance": Json(1.0), "max_s": Json(0.01)],
        ]
        try home.write("runs/one/plan.json", Json.object(plan.with(changed)).line)
    }

    /// Start the app until it ends otherwise than with `again`: the ends, and all lines.
    private func starts(_ asked: String? = contract) throws -> (ends: [String], lines: [Json]) {
        let run = home.url.appendingPathComponent("runs/one")
        var lines: [Json] = []
        var ends: [String] = []
        repeat {
            try Start(run: run, app: "1", runtime: ToyRuntime(), machine: ToyMachine()).execute(contract: asked)
            let text = try String(contentsOf: run.appendingPathComponent("changes.jsonl"), encoding: .utf8)
            lines = try text.split(separator: "\n").map { try Json(reading: String($0)) }
            ends.append(try Fields(try XCTUnwrap(lines.last), "line")["end"]["status"].text())
        } while ends.last == "again" && ends.count < 20
        return (ends, lines)
    }

    private func result() throws -> Fields {
        let file = home.url.appendingPathComponent("runs/one/result.json")
        return Fields(try Json(reading: Data(contentsOf: file)), "result.json")
    }

    private func reason(_ lines: [Json]) throws -> String {
        try Fields(lines.last ?? .null, "line")["end"]["reason"].text()
    }

    func testOneJobAStartUntilAllIsDone() throws {
        try plan(["plain", "more"])
        let (ends, lines) = try starts()
        XCTAssertEqual(ends, ["again", "again", "again", "again", "done"])
        XCTAssertEqual(lines.filter { $0.fields?["hello"] != nil }.count, 5)
        XCTAssertEqual(try result()["complete"].flag(), true)
        let blocks = try result()["blocks"].list { $0 }
        XCTAssertEqual(try blocks.map { try $0["index"].int() }, [0, 1, 2, 3])
        for block in blocks {
            let turns = try block["turns"].list { $0 }
            XCTAssertEqual(try turns.map { try $0["slot"].text() }, ["plain", "more", "more", "plain"])
            XCTAssertEqual(try turns.map { try $0["samples_ns"].list { $0 }.count }, [2, 2, 2, 2])
            XCTAssertEqual(try turns.map { try $0["dropped_ns"].list { $0 }.count }, [1, 1, 1, 1])
        }
    }

    func testSlotsAreEvaluatedInThePlansOrder() throws {
        try plan(["zebra", "ape", "mule"])
        let (_, lines) = try starts()
        let slots = lines.compactMap { try? Fields($0, "line")["begin"]["slot"].text() }
        XCTAssertEqual(slots, ["zebra", "ape", "mule"])
    }

    func testAFailureCostsTheModelAndNothingElse() throws {
        try plan(["plain", "broken", "more", "nan"])
        let (ends, _) = try starts()
        XCTAssertEqual(ends.last, "done")
        XCTAssertEqual(try result()["complete"].flag(), false)
        let evaluations = try result()["evaluations"]
        XCTAssertEqual(try evaluations["broken"]["error"].text(), "the toy is broken")
        XCTAssertTrue(try evaluations["nan"]["error"].text().contains("not finite"))
        let slots = try result()["blocks"].list { try $0["turns"].list { try $0["slot"].text() } }
        XCTAssertEqual(slots, Array(repeating: ["plain", "more", "more", "plain"], count: 4))
    }

    func testWhereNothingRunsTheFirstErrorIsSaid() throws {
        try plan(["broken"])
        let (ends, lines) = try starts()
        XCTAssertEqual(ends, ["again", "failed"])
        XCTAssertEqual(try reason(lines), "no artifact could be run: the toy is broken")
    }

    func testCoresThatCannotBeChosenAreAnError() throws {
        try plan(["plain", "more"], changed: ["cores": Json([0])])
        let (_, lines) = try starts()
        XCTAssertEqual(try reason(lines), "no artifact could be run: cannot choose cores")
    }

    func testCpuTimeIsWithheldWhereAnotherProcessorMayRunTheModel() throws {
        for (delegate, known) in [("none", true), ("ane", false)] {
            home = try Folder()
            try plan(["plain", "more"], changed: ["delegate": Json(delegate)])
            _ = try starts()
            let turns = try result()["blocks"].list { try $0["turns"].list { $0 } }.flatMap { $0 }
            XCTAssertEqual(try turns.map { try $0["cpu_ns"].json.isNull }, turns.map { _ in !known }, delegate)
        }
    }

    func testProfilesComeLast() throws {
        try plan(["plain", "more"], changed: ["profile": .bool(true)])
        let (ends, _) = try starts()
        XCTAssertEqual(ends.count, 7)
        XCTAssertEqual(try result()["evaluations"]["more"]["profile"]["source"].text(), "toys")
    }

    func testAnotherContractAndAMissingPlanAreRefused() throws {
        var (ends, lines) = try starts("edgebench.app/2")
        XCTAssertEqual(ends, ["failed"])
        (ends, lines) = try starts()
        XCTAssertTrue(try reason(lines).contains("there is no plan.json"))
        try plan(["plain"], changed: ["schema": "edgebench.plan/99"])
        (ends, lines) = try starts()
        XCTAssertEqual(
            try reason(lines), "plan.json is of the schema edgebench.plan/99, this app reads edgebench.plan/4")
    }

    func testTheResultOfAnotherPlanIsRefused() throws {
        try plan(["plain", "more"])
        _ = try starts()
        try plan(["plain", "more"], changed: ["id": "another"])
        let (ends, lines) = try starts()
        XCTAssertEqual(ends, ["failed"])
        XCTAssertEqual(try reason(lines), "result.json belongs to another plan")
    }

    func testAFileThatChangedIsNotOpened() throws {
        try plan(["plain", "more"])
        try home.write("files/more", "other")
        _ = try starts()
        XCTAssertTrue(
            try result()["evaluations"]["more"]["error"].text().contains("has changed since the plan was made"))
    }

    func testALineThatWasCutShortIsEnded() throws {
        try plan(["plain", "more"])
        try home.write("runs/one/changes.jsonl", #"{"change": {"bl"#)
        let run = home.url.appendingPathComponent("runs/one")
        try Start(run: run, app: "1", runtime: ToyRuntime(), machine: ToyMachine()).execute(contract: contract)
        let text = try String(contentsOf: run.appendingPathComponent("changes.jsonl"), encoding: .utf8)
        XCTAssertTrue(text.hasPrefix("{\"change\": {\"bl\n{\"hello\""))
    }

    func testNothingIsWrittenAfterTheEnd() throws {
        let changes = try Changes(home.url.appendingPathComponent("changes.jsonl"))
        try changes.end("stopped", reason: "it was put in the background")
        try changes.event("block", done: 1, total: 2)
        let text = try String(contentsOf: home.url.appendingPathComponent("changes.jsonl"), encoding: .utf8)
        XCTAssertEqual(text, #"{"end": {"status": "stopped", "reason": "it was put in the background"}}"# + "\n")
    }

    func testTheEnvironmentSaysWhatIsAsked() {
        let data = URL(fileURLWithPath: "/data")
        XCTAssertNil(Launch(environment: [:], home: data))
        XCTAssertEqual(Launch(environment: ["EDGEBENCH_CLEAR": "1"], home: data), .clear)
        let environment = ["EDGEBENCH_RUN": "Documents/edgebench/runs/one", "EDGEBENCH_CONTRACT": contract]
        let run = data.appendingPathComponent("Documents/edgebench/runs/one")
        XCTAssertEqual(Launch(environment: environment, home: data), .run(run, contract: contract))
    }
}
