package org.edgebench.core.json

/** JSON on one line. */
fun Json.write(): String = StringBuilder().also { write(it) }.toString()

private fun Json.write(out: StringBuilder) {
    when (this) {
        is JsonNull -> out.append("null")
        is JsonBoolean -> out.append(value)
        is JsonNumber -> out.append(text)
        is JsonString -> quote(text, out)
        is JsonArray -> {
            out.append('[')
            items.forEachIndexed { place, one ->
                if (place > 0) out.append(", ")
                one.write(out)
            }
            out.append(']')
        }
        is JsonObject -> {
            out.append('{')
            fields.entries.forEachIndexed { place, (name, one) ->
                if (place > 0) out.append(", ")
                quote(name, out)
                out.append(": ")
                one.write(out)
            }
            out.append('}')
        }
    }
}

private fun quote(text: String, out: StringBuilder) {
    out.append('"')
    for (one in text) {
        when {
            one == '"' || one == '\\' -> out.append('\\').append(one)
            one == '\n' -> out.append("\\n")
            // Surrogates that stand alone have no UTF-8.
            one < ' ' || one in '\uD800'..'\uDFFF' -> out.append("\\u%04x".format(one.code))
            else -> out.append(one)
        }
    }
    out.append('"')
}
