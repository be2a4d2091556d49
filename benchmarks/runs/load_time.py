"""Stop a run under load when its time is over, in the way that Ctrl-C stops it.

A plan has as many blocks as a pilot thinks fit into the time. A device that throttles takes longer
for them, and so does one that others use.
"""

from __future__ import annotations

import time
from pathlib import Path

from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.run_until import MEASURING, run_until
from edgebench.benchmarks.planning.sustained import UNITS
from edgebench.benchmarks.results.run_folder import REQUEST
from edgebench.benchmarks.results.sustained import loaded_s
from edgebench.deploy.device.interface import Device
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import RESULT, read_plan
from edgebench.documents import load
from edgebench.progress import Progress

LONGER = 1.25
"""A plan may take so many times its time to be carried out whole."""


def run(folder: Path, device: Device, progress: Progress) -> RunResult:
    """Carry out what is left of a run folder's plan, until its time of load is over.

    Raises `KeyboardInterrupt` and `EdgeBenchError`, as `Device.run` does.
    """
    sustain_s = load(folder / REQUEST, RunRequest).sustain_s
    assert sustain_s is not None
    before_s = 0.0
    if (folder / RESULT).exists():
        result = load(folder / RESULT, RunResult)
        before_s = loaded_s(result)
        if result.complete or before_s >= LONGER * sustain_s:
            return result
    over = _Over(LONGER * sustain_s - before_s, 2 * UNITS * len(read_plan(folder).groups))

    def listener(step: str, done: int, total: int) -> None:
        progress(step, total if over.reached else done, total)

    return run_until(folder, device, listener, over)[0]


class _Over:
    """Whether blocks have taken so many seconds, and both ends that are compared have theirs."""

    def __init__(self, left_s: float, fewest: int) -> None:
        self.reached = False
        self._left_s = left_s
        self._fewest = fewest
        self._began = time.monotonic()

    def __call__(self, step: str, done: int, total: int) -> bool:
        now = time.monotonic()
        if step != MEASURING:
            self._began = now
        self.reached = now - self._began >= self._left_s and self._fewest <= done < total
        return self.reached
