"""Two runners on one phone, in turn: what a model costs in an app, beside a program of the shell.

Both carry out the same plan, process by process, and each begins every second time. A process of
one is compared with the process of the same number of the other, which ran right before or after
it: so what slows the phone down for minutes hits both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.run_until import MEASURING, run_until
from edgebench.benchmarks.results.run_folder import FORECAST
from edgebench.benchmarks.runs.run import carry_out, plan_ahead, prepare
from edgebench.benchmarks.statistics.paired import centre
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import RESULT, read_plan, write_plan
from edgebench.deploy.remote.remote_device import RemoteDevice, Runner
from edgebench.documents import load, save
from edgebench.intervals import Estimate
from edgebench.progress import Progress

FEWEST = 6
"""So many processes of each runner give an interval of 95 %."""


@dataclass(frozen=True)
class RunnerRow:
    """A model with both runners: median seconds by runner, and how much longer the second takes.

    `delta` is None for too few processes.
    """

    slot: str
    seconds: dict[str, float]
    delta: Estimate | None
    processes: int


def measure_pair(
    request: RunRequest,
    device: RemoteDevice,
    runners: Mapping[str, Runner],
    progress: Progress,
    command: str,
) -> dict[str, Path]:
    """Measure with two runners in turn, in a run folder for each: the folders, by runner.

    The first one's pilot makes the plan of both. Raises `KeyboardInterrupt` and `EdgeBenchError`;
    what was measured is kept.
    """
    request = replace(request, whole_budget=True)
    folders = {}
    for name, runner in runners.items():
        device.runner = runner
        folders[name] = prepare(request, device, progress)
    first, second = folders
    device.runner = runners[first]
    forecast = plan_ahead(folders[first], device, progress)
    plan = read_plan(folders[first])
    write_plan(replace(plan, id=folders[second].name), folders[second])
    if forecast is not None:
        save(folders[second] / FORECAST, forecast)
    in_turn(folders, device, runners, progress)
    for name, folder in folders.items():  # Nothing is left to measure: each is compared by itself.
        device.runner = runners[name]
        carry_out(folder, device, progress, command)
    return folders


def in_turn(
    folders: Mapping[str, Path],
    device: RemoteDevice,
    runners: Mapping[str, Runner],
    progress: Progress,
) -> None:
    """Carry out the plan of both folders, one process of each at a time."""
    plan = read_plan(next(iter(folders.values())))
    for process in range(plan.processes):
        until = sum(block.process <= process for block in plan.blocks)

        def enough(step: str, done: int, total: int, until: int = until) -> bool:
            return step == MEASURING and done >= until and until < total

        for name in _turns(folders, process):
            device.runner = runners[name]
            run_until(folders[name], device, progress, enough)


def _turns(folders: Mapping[str, Path], process: int) -> list[str]:
    """Both runners; each is the first one every second time."""
    names = list(folders)
    return names if process % 2 == 0 else names[::-1]


def compare_pair(folders: Mapping[str, Path]) -> list[RunnerRow]:
    """What both runners measured of each model that ran with both."""
    one, other = folders
    results = {name: load(folder / RESULT, RunResult) for name, folder in folders.items()}
    levels = {name: _levels(result) for name, result in results.items()}
    slots = [slot for slot in levels[one] if slot in levels[other]]
    rows = []
    for slot in slots:
        both = sorted(levels[one][slot].keys() & levels[other][slot].keys())
        pairs = np.array([[levels[name][slot][k] for name in folders] for k in both])
        seconds = dict(zip(folders, np.exp(np.median(pairs, axis=0)).tolist(), strict=True))
        rows.append(RunnerRow(slot, seconds, _delta(pairs[:, 1] - pairs[:, 0]), len(both)))
    return rows


def _levels(result: RunResult) -> dict[str, dict[int, float]]:
    """The log of the median wall time in seconds, by slot and process."""
    samples: dict[str, dict[int, list[int]]] = {}
    for block in result.blocks:
        for turn in block.turns:
            by_process = samples.setdefault(turn.slot, {})
            by_process.setdefault(block.process, []).extend(turn.samples_ns)
    return {
        slot: {k: float(np.log(np.median(times) / 1e9)) for k, times in by_process.items() if times}
        for slot, by_process in samples.items()
    }


def _delta(log_ratios: np.ndarray) -> Estimate | None:
    if len(log_ratios) < FEWEST:
        return None
    found = centre(log_ratios)
    return Estimate(*(float(np.expm1(one)) for one in (found.value, found.low, found.high)))
