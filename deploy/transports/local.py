"""This machine as a device: the runner is a separate process, as on a board."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import IO, Any

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import AttachedDevice, CheckStep
from edgebench.deploy.device.lock import locked
from edgebench.deploy.documents.changes import step
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import PLAN, RESULT, stage_runner
from edgebench.deploy.remote.python_runner import INTERRUPTED
from edgebench.deploy.runner import engines
from edgebench.deploy.runner.messages import RunnerError
from edgebench.documents import load
from edgebench.errors import DeviceError
from edgebench.progress import Progress

THIS_MACHINE = "this machine"
"""The identity of every device that measures with this machine's own processor."""


class LocalDevice:
    """Runs plans on this machine, with the given Python (default: this one) and environment."""

    name = "local"
    identity = THIS_MACHINE
    description = "this machine's CPU"
    formats: tuple[str, ...] = engines.FORMATS

    def __init__(
        self, python: str = sys.executable, environment: Mapping[str, str] | None = None
    ) -> None:
        self._python = python
        self._environment = environment

    def reserved(self) -> AbstractContextManager[None]:
        """See `Device.reserved`."""
        return locked(self.identity, self.name)

    def check(self) -> Iterator[CheckStep]:
        """See `Device.check`."""
        for form in self.formats:
            try:
                name, version = engines.engine(form).runtime()
                yield CheckStep(form, "ok", f"{name} {version}")
            except RunnerError as error:
                yield CheckStep(form, "note", str(error), f"pip install 'edgebench[{form}]'")

    def run(self, folder: Path, progress: Progress) -> RunResult:
        """See `Device.run`."""
        command = [self._python, stage_runner(folder), PLAN, RESULT]
        with tempfile.TemporaryFile("w+") as complaints:
            try:
                process = subprocess.Popen(
                    command,
                    cwd=folder,
                    env=self._environment,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    text=True,
                )
            except OSError as error:
                raise DeviceError(f"cannot start {self._python}: {error.strerror}") from error
            assert process.stdout is not None
            interrupted = False
            try:
                _forward(process.stdout, progress)
            except KeyboardInterrupt:
                # From a terminal the runner has the signal already; it reacts only to the first.
                # One that was still starting ends at once, which is not a failure.
                interrupted = True
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGINT)
            except BaseException:
                process.kill()
                raise
            finally:
                status = process.wait()
                process.stdout.close()
            complaints.seek(0)
            lines = complaints.read().strip().splitlines()
        if status not in (0, INTERRUPTED) and not interrupted:
            raise DeviceError(
                f"the runner failed on this machine: {lines[-1] if lines else f'status {status}'}",
                f"the results so far are kept in {folder}; continue with --resume"
                if _measured(folder)
                else "nothing was measured yet: fix the problem, or change what is measured",
            )
        if not (folder / RESULT).exists():
            raise KeyboardInterrupt  # It was stopped before there was anything to keep.
        return load(folder / RESULT, RunResult)


def _measured(folder: Path) -> bool:
    """Whether there is a block to continue from."""
    return (folder / RESULT).exists() and bool(load(folder / RESULT, RunResult).blocks)


def _forward(lines: IO[str], progress: Progress) -> None:
    for line in lines:
        event: dict[str, Any] = json.loads(line)
        progress(step(event), event["done"], event["total"])


def device(entry: DeviceEntry) -> LocalDevice:
    """The device of an entry of the registry."""
    return LocalDevice(entry.python or sys.executable)


def attached(entries: Sequence[DeviceEntry]) -> list[AttachedDevice]:
    return []


def unavailable(entry: DeviceEntry) -> DeviceError | None:
    return None
