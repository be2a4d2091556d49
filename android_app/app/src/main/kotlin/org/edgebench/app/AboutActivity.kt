package org.edgebench.app

import android.app.Activity
import android.os.Build
import android.os.Bundle
import android.widget.TextView
import org.edgebench.app.litert.AndroidRuntime
import org.edgebench.app.models.Runtimes
import org.edgebench.core.run.CONTRACT
import org.edgebench.core.run.Runtime

/** Versions and licences. */
class AboutActivity : Activity() {
    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.activity_about)
        val runtimes = Runtimes.of(this).joinToString { "${it.name} ${version(it)}" }
        findViewById<TextView>(R.id.versions).text =
            getString(R.string.versions, AndroidRuntime.appVersion(this), CONTRACT, runtimes, Build.VERSION.RELEASE, Build.MODEL)
    }

    private fun version(runtime: Runtime) = try {
        runtime.version
    } catch (_: UnsatisfiedLinkError) {
        "-" // It has no library for this processor.
    }
}
