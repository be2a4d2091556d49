package org.edgebench.core

import org.edgebench.core.document.Reduction
import org.edgebench.core.document.reduction
import org.edgebench.core.json.Fields
import org.edgebench.core.json.JsonArray
import org.edgebench.core.json.readJson
import org.edgebench.core.tensor.Values
import org.edgebench.core.tensor.product
import java.io.File

/** The cases that every implementation of edgebench's documents is tested with; the folder is a property. */
fun vectors(name: String): List<Fields> =
    Fields(readJson(File(System.getProperty("vectors"), name).readText()), name)["cases"].list { this }

/** Nested lists of numbers, in the order of C. */
fun Fields.nested(): DoubleArray =
    if (json is JsonArray) list { nested().toList() }.flatten().toDoubleArray() else doubleArrayOf(double())

fun DoubleArray.floats(vararg shape: Int) = Values.Floats(shape, FloatArray(size) { this[it].toFloat() })

fun Values.doubles() = DoubleArray(size, ::double)

fun identity(vararg shape: Int) = Reduction("identity", shape, shape, "float32", null, null, null, null)

/** What is kept of an image, by the reduction of a case. */
fun Fields.kept(value: Fields): Values = reduction().let { value.nested().floats(*it.shape).also { one -> check(one.size == it.shape.product()) } }
