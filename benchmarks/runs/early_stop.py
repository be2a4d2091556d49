"""Stop a run as soon as its question is answered for every model.

The run is looked at after each process. `statistics.looks` widens the intervals for that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import accumulate
from pathlib import Path

from edgebench.benchmarks.formatting import bounds, signed
from edgebench.benchmarks.planning.run_until import MEASURING, run_until
from edgebench.benchmarks.results.compare import decided, judgements
from edgebench.benchmarks.results.run_folder import read_times
from edgebench.benchmarks.statistics.paired import Overhead
from edgebench.deploy.device.interface import Device
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import RESULT, read_plan
from edgebench.documents import load
from edgebench.progress import DETAIL, Progress


def run(folder: Path, device: Device, progress: Progress) -> RunResult:
    """Carry out what is left of a run folder's plan, until the question is answered.

    Raises `KeyboardInterrupt` and `EdgeBenchError`, as `Device.run` does.
    """
    watcher = _Watcher(folder)

    def listener(step: str, done: int, total: int) -> None:
        shown = step + watcher.detail if step == MEASURING else step
        progress(shown, total if watcher.answered else done, total)

    stopped = (folder / RESULT).exists()
    while not (stopped and watcher.look()):
        # A block that ended while the run was stopped may have opened the question again.
        result, stopped = run_until(folder, device, listener, watcher)
        if not stopped:
            return result
    return load(folder / RESULT, RunResult)


class _Watcher:
    """Looks at a run's result after each process."""

    def __init__(self, folder: Path) -> None:
        self.answered = False
        self.detail = ""
        self._folder = folder
        plan = read_plan(folder)
        self._first = plan.first_look
        of = Counter(block.process for block in plan.blocks)
        self._ends = list(accumulate(of[process] for process in range(plan.processes)))
        self._seen = 0

    def __call__(self, step: str, done: int, total: int) -> bool:
        """Whether the run may stop, after so many blocks."""
        processes = bisect_right(self._ends, done) if step == MEASURING else 0
        if processes > self._seen and processes >= self._first and done < total:
            self.look()
        self._seen = max(self._seen, processes)
        return self.answered

    def look(self) -> bool:
        """Judge what is measured, and say whether every verdict is clear."""
        run = read_times(self._folder, load(self._folder / RESULT, RunResult))
        found = judgements(run)
        models = {slot: run.manifests[slot].model for slot in found}
        open_ = {slot: one for slot, one in found.items() if not one.answers(run.request)}
        self.detail = _detail({models[slot]: one.overhead for slot, one in open_.items()})
        self.answered = decided(run, found.values())
        return self.answered


def _detail(found: dict[str, Overhead | None]) -> str:
    """The widest interval that is still open: | scenes_v2_ca +4.1 % [2.9, 5.3]."""
    open_ = {name: one for name, one in found.items() if one}
    if not open_:
        return ""
    name = max(open_, key=lambda one: open_[one].interval.high - open_[one].interval.low)
    return f"{DETAIL}{name} {signed(open_[name].value)} {bounds(open_[name].interval)}"
