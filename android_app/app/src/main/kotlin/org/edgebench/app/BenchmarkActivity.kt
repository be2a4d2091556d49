package org.edgebench.app

import android.app.Activity
import android.content.ComponentName
import android.content.Intent
import android.content.ServiceConnection
import android.os.Build
import android.os.Bundle
import android.os.Handler
import android.os.IBinder
import android.os.Looper
import android.os.Message
import android.os.Messenger
import android.os.Process
import android.os.RemoteException
import android.view.View
import android.view.WindowManager
import android.widget.TextView
import org.edgebench.app.measure.MeasureService
import java.io.File

/**
 * The screen of a measurement, which the host starts for each job; docs/app-contract.md describes it.
 *
 * It only shows what happens and stays in front. The job runs in [MeasureService], in a process of its own.
 */
class BenchmarkActivity : Activity() {
    private class Job(val contract: String?, val run: String)

    private val handler = Handler(Looper.getMainLooper())
    private val leaving = Runnable(::leave)
    private var connection: Connection? = null
    private var next: Job? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        stayInFront()
        setContentView(R.layout.activity_benchmark)
        findViewById<View>(R.id.stop).setOnClickListener { stop(getString(R.string.stopped_by_user)) }
        take(intent)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        take(intent)
    }

    override fun onStop() {
        super.onStop()
        if (!isChangingConfigurations) stop(getString(R.string.stopped_in_background))
    }

    private fun take(intent: Intent) {
        val run = intent.getStringExtra(MeasureService.RUN)
        if (run == null || !NAME.matches(File(run).name)) {
            show(getString(R.string.benchmark_idle))
            return
        }
        handler.removeCallbacks(leaving)
        next = Job(intent.getStringExtra(MeasureService.CONTRACT), run)
        if (connection == null) begin() // Otherwise when the process of the job before is gone.
    }

    private fun begin() {
        val job = next ?: return
        next = null
        show(getString(R.string.benchmark_starting))
        val made = Connection(job)
        connection = made
        bindService(Intent(this, MeasureService::class.java), made, BIND_AUTO_CREATE or BIND_IMPORTANT)
    }

    private fun stop(reason: String) {
        connection?.send(MeasureService.STOP, Bundle().apply { putString(MeasureService.REASON, reason) })
    }

    /** The job's process is gone; if it did not say so before, it crashed, and the host is to see that. */
    private fun gone(ended: Connection) {
        if (connection !== ended) return
        unbindService(ended)
        connection = null
        if (!ended.saidEnd) return leave()
        if (next != null) return begin()
        show(getString(R.string.benchmark_waiting))
        handler.postDelayed(leaving, PATIENCE_MS)
    }

    private fun leave() {
        finishAndRemoveTask()
        // The host sees by the process whether the app still runs.
        Process.killProcess(Process.myPid())
    }

    private fun show(text: String) {
        findViewById<TextView>(R.id.status).text = text
    }

    private fun stayInFront() {
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O_MR1) {
            setShowWhenLocked(true)
            setTurnScreenOn(true)
        } else {
            @Suppress("DEPRECATION")
            window.addFlags(WindowManager.LayoutParams.FLAG_SHOW_WHEN_LOCKED or WindowManager.LayoutParams.FLAG_TURN_SCREEN_ON)
        }
    }

    private inner class Connection(private val job: Job) : ServiceConnection {
        var saidEnd = false
        private var service: Messenger? = null
        private val incoming = Messenger(Handler(Looper.getMainLooper(), ::received))

        override fun onServiceConnected(name: ComponentName, binder: IBinder) {
            service = Messenger(binder)
            send(MeasureService.START, Bundle().apply {
                putString(MeasureService.CONTRACT, job.contract)
                putString(MeasureService.RUN, job.run)
            })
        }

        override fun onServiceDisconnected(name: ComponentName) = gone(this)

        fun send(what: Int, data: Bundle) {
            try {
                service?.send(Message.obtain(null, what).apply {
                    this.data = data
                    replyTo = incoming
                })
            } catch (_: RemoteException) {
                // Its process has just ended; onServiceDisconnected follows.
            }
        }

        private fun received(message: Message): Boolean {
            when (message.what) {
                MeasureService.PROGRESS -> message.data.run {
                    val steps = if (getString(MeasureService.EVENT) == "block") R.string.benchmark_blocks else R.string.benchmark_models
                    show(getString(steps, getInt(MeasureService.DONE), getInt(MeasureService.TOTAL)))
                }
                MeasureService.ENDED -> saidEnd = true
            }
            return true
        }
    }

    private companion object {
        /** The host starts the next job within seconds. */
        const val PATIENCE_MS = 60_000L

        /** The name of a run's folder, which becomes that of the app's own. */
        val NAME = Regex("[A-Za-z0-9_-]+")
    }
}
