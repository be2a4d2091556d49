package org.edgebench.app.ui

import android.content.res.Resources
import org.edgebench.app.R
import org.edgebench.core.task.Boxes
import org.edgebench.core.task.BundledModel
import org.edgebench.core.task.ClassMap
import org.edgebench.core.task.Classes
import org.edgebench.core.task.Latencies
import org.edgebench.core.task.Numbers
import org.edgebench.core.task.Prediction
import org.edgebench.core.tensor.Crop

/** What a screen shows: one state, made anew with each picture. */
sealed interface Seen {
    /** A model is being loaded. */
    data object Loading : Seen

    /** It cannot be run, and why. */
    class Failed(val reason: String) : Seen

    /** What it says of a picture; `crop` is the part that it saw, and `picture` the upright picture's width. */
    class Predicted(
        val model: BundledModel,
        val prediction: Prediction,
        val latency: Latencies.Summary,
        val crop: Crop,
        val pictureWidth: Int,
    ) : Seen
}

/** A state in words. */
fun Seen.text(resources: Resources): String = when (this) {
    Seen.Loading -> resources.getString(R.string.loading)
    is Seen.Failed -> reason
    is Seen.Predicted -> listOf(latency(resources), said(resources)).joinToString("\n")
}

private fun Seen.Predicted.latency(resources: Resources) =
    resources.getString(R.string.latency, latency.medianMs, latency.spreadMs)

private fun Seen.Predicted.said(resources: Resources): String {
    if (!model.trained) return resources.getString(R.string.untrained)
    return when (val found = prediction) {
        is Classes -> found.ranked.joinToString("\n") {
            // A background has no label.
            val name = if (it.index < 0) resources.getString(R.string.background) else model.label(it.index)
            resources.getString(R.string.scored, name, 100 * it.score)
        }
        is Boxes -> found.found.count { it.score >= Overlay.SHOWN }.let { resources.getQuantityString(R.plurals.things, it, it) }
        is ClassMap -> found.classes.toSet().sorted().take(MOST_NAMES).joinToString { model.label(it) }
        is Numbers -> found.byOutput.entries.joinToString("\n") { (name, values) ->
            (0 until minOf(values.size, MOST_NAMES)).joinToString(prefix = "$name: ") { "%.4g".format(values.double(it)) }
        }
    }
}

private const val MOST_NAMES = 8
