"""Stop a run once it has measured enough, in the way that Ctrl-C stops it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgebench.deploy.device.interface import Device
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import RESULT
from edgebench.documents import load
from edgebench.progress import Progress

MEASURING = "measuring blocks"
"""The step whose progress is that of blocks."""

Enough = Callable[[str, int, int], bool]
"""From a step's progress to whether the run may stop."""


class _Stopped(KeyboardInterrupt):
    """Our own interruption, so that a user's Ctrl-C is not mistaken for it."""


class _Listener:
    """Passes progress on, and interrupts the run once it is enough."""

    def __init__(self, progress: Progress, enough: Enough) -> None:
        self.stopped = False
        self._progress = progress
        self._enough = enough

    def __call__(self, step: str, done: int, total: int) -> None:
        self.stopped = self._enough(step, done, total)
        self._progress(step, done, total)
        if self.stopped:
            raise _Stopped


def run_until(
    folder: Path, device: Device, progress: Progress, enough: Enough
) -> tuple[RunResult, bool]:
    """Carry out what is left of a run folder's plan, and say whether it was stopped as enough.

    Raises `KeyboardInterrupt` and `EdgeBenchError`, as `Device.run` does.
    """
    listener = _Listener(progress, enough)
    try:
        result = device.run(folder, listener)
    except _Stopped:
        result = load(folder / RESULT, RunResult)
    return result, listener.stopped
