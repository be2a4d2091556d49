import Testing

@testable import EdgebenchCore

@Suite struct JsonTests {
    @Test(arguments: [
        #"{"b": 1, "a": [true, false, null], "c": {}}"#, #"[0.1, -2e-05, 12345678901234567890123, 1.50]"#,
        #""\"\\\nä\u0001 /""#, "[]",
    ])
    func whatIsReadIsWrittenAsItWas(text: String) throws {
        let read = try Json(reading: text)
        #expect(read.line == text)
    }

    @Test func escapesAreRead() throws {
        let read = try Json(reading: #""\u00e4\ud83d\ude00\b\f\/\ud83dx""#)
        #expect(read == .text("ä😀\u{8}\u{c}/\u{FFFD}x"))
    }

    @Test(arguments: [
        "", "{", "[1,]", "01", "1.", "-", "+1", "nul", #"{"a": 1, "a": 2}"#, #""\x""#, #""\u12g4""#, "\"\u{1}\"", "1 2",
        String(repeating: "[", count: 300), "{'a': 1}", "NaN",
    ])
    func whatIsNoJsonIsRefused(text: String) { #expect(throws: InvalidDocument.self) { try Json(reading: text) } }

    @Test func errorsNameThePlace() throws {
        let root = Fields(try Json(reading: #"{"a": [{"b": "x"}]}"#), "plan.json")
        #expect {
            try root["a"].list { try $0["b"].int() }
        } throws: {
            sentence($0) == "plan.json.a[0].b: expected a whole number"
        }
    }
}
