package org.edgebench.core.json

/** A JSON value (RFC 8259). Numbers keep their text, so that none is changed by reading and writing it. */
sealed interface Json

data class JsonObject(val fields: Map<String, Json>) : Json {
    operator fun get(name: String): Json? = fields[name]

    /** The same object with some fields set. */
    fun with(vararg changed: Pair<String, Json>) = JsonObject(fields + changed)
}

data class JsonArray(val items: List<Json>) : Json

data class JsonString(val text: String) : Json

data class JsonNumber(val text: String) : Json

data class JsonBoolean(val value: Boolean) : Json

data object JsonNull : Json

/** A document that cannot be read: where, and what was expected there. */
class InvalidDocument(message: String) : Exception(message)

/** An object of Kotlin values: nulls, booleans, numbers, texts, lists, arrays, maps and [Json] itself. */
fun jsonOf(vararg fields: Pair<String, Any?>): JsonObject =
    JsonObject(fields.associate { (name, value) -> name to json(value) })

/** A Kotlin value as JSON. Throws [IllegalArgumentException] for NaN, infinity and other types. */
fun json(value: Any?): Json = when (value) {
    null -> JsonNull
    is Json -> value
    is Boolean -> JsonBoolean(value)
    is Int, is Long -> JsonNumber(value.toString())
    is Float -> number(value.toDouble())
    is Double -> number(value)
    is String -> JsonString(value)
    is IntArray -> JsonArray(value.map(::json))
    is LongArray -> JsonArray(value.map(::json))
    is Iterable<*> -> JsonArray(value.map(::json))
    is Map<*, *> -> JsonObject(value.entries.associate { (name, one) -> name as String to json(one) })
    else -> throw IllegalArgumentException("${value::class} has no JSON")
}

private fun number(value: Double): JsonNumber {
    require(value.isFinite()) { "JSON has no $value" }
    return JsonNumber(value.toString())
}
