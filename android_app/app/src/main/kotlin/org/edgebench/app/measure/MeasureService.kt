package org.edgebench.app.measure

import android.app.Service
import android.content.Intent
import android.os.Bundle
import android.os.Handler
import android.os.IBinder
import android.os.Looper
import android.os.Message
import android.os.Messenger
import android.os.Process
import android.os.RemoteException
import org.edgebench.app.R
import org.edgebench.app.litert.AndroidRuntime
import org.edgebench.app.models.Runtimes
import org.edgebench.core.run.Start
import org.edgebench.core.run.Watcher
import java.io.File
import kotlin.concurrent.thread

/**
 * Does one job of a plan and ends its process, which is its own (see the manifest): the next job has another.
 *
 * The activity that is bound to it stays in front, so that Android does not slow it down.
 */
class MeasureService : Service() {
    private var start: Start? = null
    private val incoming = Messenger(Handler(Looper.getMainLooper(), ::received))

    override fun onBind(intent: Intent): IBinder = incoming.binder

    private fun received(message: Message): Boolean {
        when (message.what) {
            START -> if (start == null) begin(message.data, message.replyTo)
            STOP -> stop(message.data.getString(REASON) ?: getString(R.string.stopped))
        }
        return true
    }

    private fun begin(job: Bundle, screen: Messenger) {
        val run = File(job.getString(RUN)!!)
        val own = File(File(getExternalFilesDir(null), "edgebench"), run.name)
        val watcher = object : Watcher {
            override fun progress(event: String, done: Int, total: Int) {
                tell(screen, PROGRESS, Bundle().apply {
                    putString(EVENT, event)
                    putInt(DONE, done)
                    putInt(TOTAL, total)
                })
            }
        }
        val begun = Start(run, own, AndroidRuntime.appVersion(this), Runtimes.of(this), AndroidMachine(this), watcher)
        start = begun
        thread(name = "measure") {
            begun.execute(job.getString(CONTRACT))
            tell(screen, ENDED, Bundle())
            Process.killProcess(Process.myPid())
        }
    }

    /** The block that is being measured is lost; what comes of it is not written any more. */
    private fun stop(reason: String) {
        start?.changes?.end("stopped", reason)
        Process.killProcess(Process.myPid())
    }

    private fun tell(screen: Messenger, what: Int, data: Bundle) {
        try {
            screen.send(Message.obtain(null, what).apply { this.data = data })
        } catch (_: RemoteException) {
            // The screen is gone; the host goes by the file of changes.
        }
    }

    companion object {
        /** Messages to the service. */
        const val START = 1
        const val STOP = 2

        /** Messages to the screen. */
        const val PROGRESS = 3
        const val ENDED = 4

        /** What they carry. */
        const val CONTRACT = "contract"
        const val RUN = "run"
        const val REASON = "reason"
        const val EVENT = "event"
        const val DONE = "done"
        const val TOTAL = "total"
    }
}
