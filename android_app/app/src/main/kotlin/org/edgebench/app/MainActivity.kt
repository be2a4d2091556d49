package org.edgebench.app

import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.view.View
import android.widget.ArrayAdapter
import android.widget.ListView
import android.widget.TextView
import org.edgebench.app.camera.CameraActivity
import org.edgebench.app.models.ModelStore
import org.edgebench.app.picture.PictureActivity
import org.edgebench.core.json.InvalidDocument
import org.edgebench.core.task.BundledModel

/** The models that the app was given, and what can be done with them. */
class MainActivity : Activity() {
    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.activity_main)
        val models = try {
            ModelStore(this).models
        } catch (error: InvalidDocument) {
            findViewById<TextView>(R.id.none).text = error.message
            emptyList()
        }
        val list = findViewById<ListView>(R.id.models)
        list.adapter = ArrayAdapter(this, android.R.layout.simple_list_item_activated_1, models.map(::described))
        list.emptyView = findViewById(R.id.none)
        list.setOnItemClickListener { _, _, place, _ -> list.setItemChecked(place, true) }
        for (id in listOf(R.id.camera, R.id.picture, R.id.compare)) findViewById<View>(id).isEnabled = models.isNotEmpty()
        opens(R.id.camera) { Intent(this, CameraActivity::class.java) }
        opens(R.id.picture) { Intent(this, PictureActivity::class.java) }
        opens(R.id.compare) { Intent(this, PictureActivity::class.java).putExtra(PictureActivity.COMPARE, true) }
        opens(R.id.benchmark) { Intent(this, BenchmarkActivity::class.java) }
        opens(R.id.about) { Intent(this, AboutActivity::class.java) }
    }

    private fun opens(button: Int, screen: () -> Intent) = findViewById<View>(button).setOnClickListener {
        val chosen = maxOf(findViewById<ListView>(R.id.models).checkedItemPosition, 0)
        startActivity(screen().putExtra(MODEL, chosen))
    }

    private fun described(model: BundledModel): String {
        val weights = getString(if (model.trained) R.string.trained else R.string.not_trained)
        return getString(R.string.model, model.name, model.precision, model.task.name, model.width, model.height, model.sizeBytes / 1e6, weights)
    }

    companion object {
        /** The number of the model that a screen begins with. */
        const val MODEL = "model"
    }
}
