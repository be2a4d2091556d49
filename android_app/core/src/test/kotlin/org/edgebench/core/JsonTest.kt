package org.edgebench.core

import org.edgebench.core.json.Fields
import org.edgebench.core.json.InvalidDocument
import org.edgebench.core.json.jsonOf
import org.edgebench.core.json.readJson
import org.edgebench.core.json.write
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test

class JsonTest {
    @Test
    fun whatIsReadIsWrittenAgain() {
        val text = """{"a": [1, -2.50, 1e-7, 12345678901234567890], "b": {"c": null, "d": true}, "e": "\"\\\n\u0001 \u00e9"}"""
        val written = readJson(text).write()
        assertEquals(readJson(text), readJson(written))
        assertEquals("""{"a": [1, -2.50, 1e-7, 12345678901234567890], "b": {"c": null, "d": true}, "e": "\"\\\n\u0001 é"}""", written)
    }

    @Test
    fun whatIsNotJsonIsRefused() {
        val wrong = listOf(
            "", "{", "[1,]", "{\"a\" 1}", "{a: 1}", "01", "1.", ".5", "+1", "NaN", "nul", "\"a", "\"\t\"", "\"\\x\"",
            "\"\\u12g4\"", "1 2", "[1] x", "{\"a\": 1, \"a\": 2}", "[".repeat(1000),
        )
        for (text in wrong) assertThrows(text, InvalidDocument::class.java) { readJson(text) }
    }

    @Test
    fun aFieldThatIsWrongIsNamed() {
        val root = Fields(readJson("""{"blocks": [{"index": 1}, {"index": "two"}]}"""), "plan.json")
        val error = assertThrows(InvalidDocument::class.java) { root["blocks"].list { get("index").int() } }
        assertEquals("plan.json.blocks[1].index: expected a whole number", error.message)
    }

    @Test
    fun numbersThatJsonDoesNotHaveAreRefused() {
        assertThrows(IllegalArgumentException::class.java) { jsonOf("a" to Double.NaN) }
        assertEquals("""{"a": 1.0E-5, "b": [1, 2]}""", jsonOf("a" to 1e-5, "b" to longArrayOf(1, 2)).write())
    }
}
