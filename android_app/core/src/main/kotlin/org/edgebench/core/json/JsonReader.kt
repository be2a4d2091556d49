package org.edgebench.core.json

/** A strict reader of one JSON text; see [readJson]. */
internal class JsonReader(private val text: String) {
    private var at = 0

    fun document(): Json {
        val found = value(0)
        skipSpace()
        if (at != text.length) fail("the end")
        return found
    }

    private fun value(depth: Int): Json {
        if (depth > DEEPEST) fail("less than $DEEPEST levels")
        skipSpace()
        return when (peek()) {
            '{' -> objectAt(depth)
            '[' -> arrayAt(depth)
            '"' -> JsonString(string())
            't' -> word("true", JsonBoolean(true))
            'f' -> word("false", JsonBoolean(false))
            'n' -> word("null", JsonNull)
            else -> number()
        }
    }

    private fun objectAt(depth: Int): JsonObject {
        val fields = LinkedHashMap<String, Json>()
        items('{', '}') {
            skipSpace()
            val name = string()
            skipSpace()
            take(':')
            if (fields.put(name, value(depth + 1)) != null) fail("a name that is not yet there, not '$name'")
        }
        return JsonObject(fields)
    }

    private fun arrayAt(depth: Int): JsonArray {
        val found = ArrayList<Json>()
        items('[', ']') { found += value(depth + 1) }
        return JsonArray(found)
    }

    private inline fun items(open: Char, close: Char, item: () -> Unit) {
        take(open)
        skipSpace()
        if (peek() == close) {
            at++
            return
        }
        while (true) {
            item()
            skipSpace()
            if (peek() == close) {
                at++
                return
            }
            take(',')
        }
    }

    private fun string(): String {
        take('"')
        val made = StringBuilder()
        while (true) {
            when (val next = next("the end of a string")) {
                '"' -> return made.toString()
                '\\' -> made.append(escaped())
                else -> if (next < ' ') fail("no control character in a string") else made.append(next)
            }
        }
    }

    private fun escaped(): Char = when (val next = next("an escape")) {
        '"', '\\', '/' -> next
        'b' -> '\b'
        'f' -> '\u000C'
        'n' -> '\n'
        'r' -> '\r'
        't' -> '\t'
        'u' -> {
            val digits = text.substring(at, minOf(at + 4, text.length))
            if (digits.length < 4 || digits.any { it.digitToIntOrNull(16) == null }) fail("four hexadecimal digits")
            at += 4
            digits.toInt(16).toChar()
        }
        else -> fail("an escape")
    }

    private fun number(): JsonNumber {
        val match = NUMBER.matchAt(text, at) ?: fail("a value")
        at = match.range.last + 1
        return JsonNumber(match.value)
    }

    private fun word(word: String, value: Json): Json {
        if (!text.startsWith(word, at)) fail("a value")
        at += word.length
        return value
    }

    private fun skipSpace() {
        while (at < text.length && text[at] in " \t\r\n") at++
    }

    private fun peek(): Char = if (at < text.length) text[at] else fail("more")

    private fun next(expected: String): Char = if (at < text.length) text[at++] else fail(expected)

    private fun take(wanted: Char) {
        if (at >= text.length || text[at] != wanted) fail("'$wanted'")
        at++
    }

    private fun fail(expected: String): Nothing =
        throw InvalidDocument("not JSON: expected $expected at character $at")

    private companion object {
        const val DEEPEST = 200
        val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")
    }
}

/** The value of a whole text. Throws [InvalidDocument]. */
fun readJson(text: String): Json = JsonReader(text).document()
