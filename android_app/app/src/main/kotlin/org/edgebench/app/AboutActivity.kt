package org.edgebench.app

import android.app.Activity
import android.os.Build
import android.os.Bundle
import android.widget.TextView
import org.edgebench.app.litert.AndroidRuntime
import org.edgebench.core.run.CONTRACT

/** Versions and licences. */
class AboutActivity : Activity() {
    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.activity_about)
        val runtime = try {
            AndroidRuntime(this).version
        } catch (_: UnsatisfiedLinkError) {
            "-" // LiteRT has no library for this processor.
        }
        findViewById<TextView>(R.id.versions).text =
            getString(R.string.versions, AndroidRuntime.appVersion(this), CONTRACT, runtime, Build.VERSION.RELEASE, Build.MODEL)
    }
}
