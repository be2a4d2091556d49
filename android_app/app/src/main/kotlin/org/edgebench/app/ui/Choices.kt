package org.edgebench.app.ui

import android.view.View
import android.widget.AdapterView
import android.widget.ArrayAdapter
import android.widget.Spinner
import org.edgebench.app.R
import org.edgebench.app.litert.AndroidRuntime
import org.edgebench.core.task.BundledModel

/** A model and what runs it, as the user has chosen them. */
data class Choice(val model: BundledModel, val delegate: String)

/** The two lists of a screen from which a model and an accelerator are chosen. */
class Choices(
    private val models: List<BundledModel>,
    private val modelList: Spinner,
    private val delegateList: Spinner,
    private val changed: (Choice) -> Unit,
) {
    private var told: Choice? = null

    init {
        val resources = modelList.resources
        val accelerators = resources.getStringArray(R.array.accelerators)
        check(accelerators.size == AndroidRuntime.DELEGATES.size)
        fill(modelList, models.map { resources.getString(R.string.model_name, it.name, it.precision) })
        fill(delegateList, accelerators.toList())
    }

    /** Choose a model by its number, such as one that another screen showed. */
    fun select(model: Int) = modelList.setSelection(model.coerceIn(models.indices))

    private fun fill(list: Spinner, items: List<String>) {
        list.adapter = ArrayAdapter(list.context, android.R.layout.simple_spinner_item, items).apply {
            setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item)
        }
        list.onItemSelectedListener = object : AdapterView.OnItemSelectedListener {
            override fun onItemSelected(parent: AdapterView<*>, view: View?, position: Int, id: Long) = tell()

            override fun onNothingSelected(parent: AdapterView<*>) = Unit
        }
    }

    private fun tell() {
        val model = models.getOrNull(modelList.selectedItemPosition) ?: return
        val delegate = AndroidRuntime.DELEGATES.getOrNull(delegateList.selectedItemPosition) ?: return
        val choice = Choice(model, delegate)
        if (choice != told) changed(choice.also { told = it })
    }
}
