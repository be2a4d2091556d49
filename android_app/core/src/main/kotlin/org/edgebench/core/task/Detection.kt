package org.edgebench.core.task

import org.edgebench.core.tensor.Values
import kotlin.math.exp
import kotlin.math.max
import kotlin.math.min

/** Rows of columns, in double precision. */
private class Table(val rows: Int, val columns: Int, private val at: (Int, Int) -> Double) {
    operator fun get(row: Int, column: Int) = at(row, column)
}

/** From a detector's outputs to boxes. */
internal class Detection(private val layout: DetectionLayout) {
    fun decode(outputs: Map<String, Values>): Boxes {
        val tables = outputs.filterKeys { it != "count" }.mapValues { (role, values) -> table(role, values) }
        val fused = tables["detections"]
        val boxes = fused ?: tables.getValue("boxes")
        val rows = outputs["count"]?.double(0)?.toInt() ?: boxes.rows
        val candidates = ArrayList<Candidate>()
        for (row in 0 until rows) addScored(row, fused, tables, candidates)
        // Stable, so that of equal scores the first row and class comes first.
        var best = candidates.sortedWith { one, other -> other.score.compareTo(one.score) }.filter { it.index >= 0 }
        if (layout.overlap < 1) best = best.take(CANDIDATES)
        val found = best.map { one ->
            val (left, top, right, bottom) = layout.corners(boxes[one.row, 0], boxes[one.row, 1], boxes[one.row, 2], boxes[one.row, 3])
            Boxes.Box(left, top, right, bottom, one.score, one.index)
        }
        return Boxes((if (layout.overlap < 1) thinnedOut(found) else found).take(layout.most))
    }

    private class Candidate(val row: Int, val score: Double, val index: Int)

    private fun table(role: String, values: Values): Table = when {
        values.shape.size == 1 -> Table(values.shape[0], 1) { row, _ -> values.double(row) }
        layout.rowsLast(role) -> values.shape.let { (columns, rows) -> Table(rows, columns) { row, column -> values.double(column * rows + row) } }
        else -> values.shape.let { (rows, columns) -> Table(rows, columns) { row, column -> values.double(row * columns + column) } }
    }

    private fun addScored(row: Int, fused: Table?, tables: Map<String, Table>, into: MutableList<Candidate>) {
        val classes = tables["classes"]
        if (fused != null && layout.columns == "box+score+class") {
            add(row, fused[row, 4], Math.rint(fused[row, 5]).toInt(), into)
        } else if (classes != null) {
            add(row, activated(doubleArrayOf(tables.getValue("scores")[row, 0]))[0], Math.rint(classes[row, 0]).toInt(), into)
        } else {
            val first = if (fused != null) layout.firstScore else 0
            val scores = fused ?: tables.getValue("scores")
            val last = if (layout.background == "last") 1 else 0
            val found = activated(DoubleArray(scores.columns - first) { scores[row, first + it] })
            val certain = if (layout.columns == "box+objectness+scores") activated(doubleArrayOf(scores[row, 4]))[0] else 1.0
            for (column in 0 until found.size - last) add(row, found[column] * certain, column, into)
        }
    }

    private fun add(row: Int, score: Double, column: Int, into: MutableList<Candidate>) {
        if (score > layout.score) into += Candidate(row, score, if (layout.background == "first") column - 1 else column)
    }

    private fun activated(scores: DoubleArray): DoubleArray = when (layout.activation) {
        "sigmoid" -> DoubleArray(scores.size) { 1 / (1 + exp(-scores[it])) }
        "softmax" -> softmax(scores)
        else -> scores
    }

    /** Without the boxes that overlap a better one of their class (greedy non-maximum suppression). */
    private fun thinnedOut(boxes: List<Boxes.Box>): List<Boxes.Box> {
        val stays = ArrayList<Boxes.Box>()
        for (box in boxes) {
            if (stays.none { it.index == box.index && overlap(it, box) > layout.overlap }) stays += box
        }
        return stays
    }

    /** Intersection over union. */
    private fun overlap(one: Boxes.Box, other: Boxes.Box): Double {
        val both = max(min(one.right, other.right) - max(one.left, other.left), 0.0) *
            max(min(one.bottom, other.bottom) - max(one.top, other.top), 0.0)
        return if (both > 0) both / (area(one) + area(other) - both) else 0.0
    }

    private fun area(box: Boxes.Box) = (box.right - box.left) * (box.bottom - box.top)

    private companion object {
        /** So many pairs of a box and a class, the best, are thinned out. */
        const val CANDIDATES = 1000
    }
}
