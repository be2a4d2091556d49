package org.edgebench.core.json

/** A place in a document, which says in errors where it is. Fields that nobody asks for are ignored. */
class Fields(private val value: Json, private val where: String) {
    /** A field, or its absence: a missing field is read as null. */
    operator fun get(name: String): Fields {
        val fields = (value as? JsonObject ?: fail("an object")).fields
        return Fields(fields[name] ?: JsonNull, "$where.$name")
    }

    val isNull get() = value is JsonNull

    val json get() = value

    fun text(): String = (value as? JsonString ?: fail("a text")).text

    fun flag(): Boolean = (value as? JsonBoolean ?: fail("true or false")).value

    fun int(): Int = (value as? JsonNumber)?.text?.toIntOrNull() ?: fail("a whole number")

    fun long(): Long = (value as? JsonNumber)?.text?.toLongOrNull() ?: fail("a whole number")

    fun double(): Double = (value as? JsonNumber ?: fail("a number")).text.toDouble()

    fun <T> list(read: Fields.() -> T): List<T> =
        (value as? JsonArray ?: fail("a list")).items.mapIndexed { place, one -> Fields(one, "$where[$place]").read() }

    fun <T> map(read: Fields.() -> T): Map<String, T> =
        (value as? JsonObject ?: fail("an object")).fields.mapValues { (name, one) -> Fields(one, "$where.$name").read() }

    fun ints(): IntArray = list { int() }.toIntArray()

    /** What is there, or null where there is nothing. */
    fun <T> orNull(read: Fields.() -> T): T? = if (isNull) null else read()

    fun fail(expected: String): Nothing = throw InvalidDocument("$where: expected $expected")
}

/** The root of a document of that name, if it begins with that schema. Throws [InvalidDocument]. */
fun document(text: String, name: String, schema: String): Fields {
    val root = Fields(readJson(text), name)
    val found = root["schema"].orNull { text() }
    if (found != schema) throw InvalidDocument("$name is of the schema ${found ?: "nobody knows"}, this app reads $schema")
    return root
}
