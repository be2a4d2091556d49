"""The Python runner on a device: `edgebench.deploy.runner`, packed into one file and sent."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.documents.changes import Changes, translated_errors
from edgebench.deploy.documents.staging import FILES, PLAN, RESULT, RUNNER, plan_hash, stage_runner
from edgebench.deploy.remote import python_check
from edgebench.deploy.remote.shell import END, quoted
from edgebench.deploy.remote.store import PID, Store, this_host
from edgebench.deploy.runner import engines
from edgebench.deploy.runner.messages import Reporter
from edgebench.deploy.runner.result import Result
from edgebench.deploy.runner.worker import KILLED
from edgebench.errors import DeviceError
from edgebench.progress import Progress

INTERRUPTED = 130


class PythonRunner:
    """Runs plans with the Python that was prepared in the store's folder, if there is one.

    Otherwise with the device's own Python, given as a command or a path on the device.
    """

    formats = engines.FORMATS

    def __init__(self, python: str = "python3") -> None:
        self.python = python

    def word(self, store: Store) -> str:
        """The Python, as a word of a shell command on the device."""
        return f'"$(command -v {quoted(store.python)} || echo {quoted(self.python)})"'

    def execute(self, store: Store, folder: Path, progress: Progress) -> None:
        """See `Runner.execute`."""
        digest = plan_hash(folder)
        there = store.run_folder(digest[:16])
        self._end_earlier(store)
        stage_runner(folder)
        store.send_files(folder / FILES, progress)
        names = [name for name in (PLAN, RUNNER, RESULT) if (folder / name).exists()]
        store.send({name: folder / name for name in names}, there, progress)
        with translated_errors(), tempfile.TemporaryFile() as complaints:
            result = Result(str(folder / RESULT), digest, Reporter())
            process = store.shell.start(self._command(store, there), complaints)

            def fetch(name: str, target: Path, size_bytes: int) -> None:
                store.shell.fetch(quoted(f"{there}/{name}"), target, size_bytes)

            status = _Stream(process, Changes(folder, result, progress, fetch)).follow()
            complaints.seek(0)
            lines = complaints.read().decode(errors="replace").strip().splitlines()
        if status is None:
            raise store.shell.lost(lines[-1] if lines else "the runner's output ended")
        if status not in (0, INTERRUPTED):
            name = store.shell.name
            reason = (
                KILLED if status == 128 + signal.SIGKILL else (lines or [f"status {status}"])[-1]
            )
            full = store.shell.file_error(reason)
            if result.body["context"] is None:  # It ended before it loaded an artifact.
                raise DeviceError(
                    f"the runner did not start on {name}: {reason}",
                    full.remedy
                    if full
                    else f"edgebench devices check {name} shows what is missing",
                )
            raise DeviceError(
                f"the runner failed on {name}: {reason}",
                f"{f'{full.remedy}; ' if full else ''}the results so far are kept in {folder}; "
                "continue with --resume",
            )

    def _end_earlier(self, store: Store) -> None:
        """End runners that no host reads: they would disturb this one, and write its result.

        A connection that breaks without a word leaves one behind.
        """
        for pid in store.leftover_runners():
            store.shell.check_output(
                f"kill {pid}; for i in 1 2 3 4 5; do [ -d /proc/{pid} ] && sleep 1; done; "
                f"kill -9 {pid} 2>/dev/null; true"
            )

    def _command(self, store: Store, folder: str) -> str:
        """Run the plan in a folder there; a file in it has the process ids of runner and host.

        A shell takes stdin away from background commands, so it is kept as descriptor 3.
        """
        return (
            f"cd {quoted(folder)} && {{ exec 3<&0; "
            f"{self.word(store)} {RUNNER} {PLAN} {RESULT} --remote <&3 & "
            f"echo $! {quoted(this_host())} >{PID}; wait $!; }}"
        )

    def check(self, store: Store) -> Iterator[CheckStep]:
        """See `Runner.check`."""
        return python_check.steps(store.shell, self.word(store))


class _Stream:
    """The runner's output, applied to the result on this machine."""

    def __init__(self, process: subprocess.Popen[bytes], changes: Changes) -> None:
        self.process = process
        self.changes = changes

    def follow(self) -> int | None:
        """Read to the end and return the runner's exit status, or None if the connection broke.

        On Ctrl-C the runner is told to stop, and what it still reports is kept.
        """
        assert self.process.stdout is not None
        try:
            while True:
                try:
                    line = self.process.stdout.readline()
                    if not line.endswith(b"\n"):
                        return None
                    if line.startswith(END.encode()):
                        return int(line[len(END) :])
                    if self.changes.apply(line).get("files"):
                        self._answer()
                except KeyboardInterrupt:
                    if self.changes.quiet:
                        raise
                    self._stop()
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.process.wait()

    def _answer(self) -> None:
        """Tell the waiting runner that the files of a change are here."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError, ValueError):  # It has ended or was told to stop.
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()

    def _stop(self) -> None:
        """Tell the runner to stop. Progress is no longer shown."""
        assert self.process.stdin is not None
        self.changes.quiet = True
        with suppress(BrokenPipeError):
            self.process.stdin.close()
