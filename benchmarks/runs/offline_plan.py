"""A plan that is carried out elsewhere: by a device farm, a CI job, a person with a board.

The run folder is created without a device, and a command on the device does the rest:

    python3 runner.pyz plan.json result.json

Without a pilot the speed of the device is not known, so the size of the plan is based on a typical
pace, or on one that the user gives, and the forecast is marked as a guess. The verdict is not a
guess: it is based on the result, with the checks of any other run.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.planning.design import WARMUP_WINDOW, cooling, lay_out
from edgebench.benchmarks.planning.pace import GroupPace, Pace
from edgebench.benchmarks.planning.pilot import PILOT, USUAL_SCATTER, comparisons, without_floors
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sizing import Forecast, choose_size
from edgebench.benchmarks.results import floor_store, run_folder
from edgebench.benchmarks.runs import run as runs
from edgebench.converters.artifact import Manifest
from edgebench.deploy.documents.plan import Plan
from edgebench.deploy.documents.staging import PLAN, RESULT, RUNNER, stage_runner, write_plan
from edgebench.deploy.registry import devices
from edgebench.deploy.runner import engines
from edgebench.documents import load, remove, save
from edgebench.errors import UsageError
from edgebench.progress import Progress, silent

TYPICAL_S_A_MADD = 1e-10
"""MobileNetV2's 300 M multiply-adds in 30 ms: one thread in fp32 takes about 10 ms on a desktop's
core, and about 100 on a Raspberry Pi 4's."""

TYPICAL_S = 0.02
"""An inference of a model whose multiply-adds are not known."""

TYPICAL_START_S = 2.0
"""A fresh process, before it loads any artifact: Python, NumPy and the runtime."""

TYPICAL_LOAD_S = 0.1
LONGEST_WARMUP = 20
"""The longest warm-up of a slot, in windows of inferences; one that is steady stops warming up."""


@dataclass(frozen=True)
class OfflineDevice:
    """A device of which only the name is known, and that runs what the Python runner runs."""

    name: str
    formats: tuple[str, ...] = engines.FORMATS


def plan(
    request: RunRequest, inference_s: float | None = None, progress: Progress = silent
) -> tuple[Path, Forecast]:
    """Make a run folder with its plan and runner, ready to be carried out elsewhere.

    `inference_s` is the time of an inference of the slowest model there; None for a typical time.
    Raises `UsageError` for an emulated device, on which times have no meaning, and for a budget
    that is too short, and what `edgebench.benchmarks.runs.run.prepare` raises.
    """
    if not devices.has_latency(request.device):
        raise UsageError(
            f"times have no meaning on {request.device}, so there is nothing to measure elsewhere",
            f"measure it here: edgebench --device {request.device}",
        )
    folder = runs.prepare(request, OfflineDevice(request.device), progress)
    remove(folder / PILOT)
    draft = load(folder / run_folder.DRAFT, Plan)
    pace = _pace(draft, run_folder.read_manifests(folder), inference_s)
    try:
        judged, floor_sizes = without_floors(pace)
        forecast = choose_size(judged, request.limit_s, request.detect, stops_early=False)
    except UsageError:
        remove(folder)  # There is nothing to carry out in it.
        raise
    forecast = replace(forecast, warnings=(guess(request.device, inference_s),), guess=True)
    save(folder / run_folder.FORECAST, forecast)
    save(folder / run_folder.NOISE, floor_store.read(request.device))
    stage_runner(folder)
    size = replace(forecast.size, groups={**forecast.size.groups, **floor_sizes})
    laid_out = lay_out(draft, size, forecast.warmup_s)
    laid_out = cooling(laid_out, forecast.seconds, None)
    write_plan(replace(laid_out, profile=request.profile), folder)
    return folder, forecast


def by_hand(folder: Path) -> str:
    """The command that carries out a run folder's plan, on a device that has the folder."""
    return f"cd {shlex.quote(str(folder))} && python3 {RUNNER} {PLAN} {RESULT}"


def _pace(draft: Plan, manifests: Mapping[str, Manifest], given_s: float | None) -> Pace:
    """The given pace for every model, or a typical one for each."""
    groups = {}
    for group in draft.groups:
        times = {slot: given_s or _typical_s(manifests[slot]) for slot in group.slots}
        load_s = TYPICAL_LOAD_S * len(times) + 2 * WARMUP_WINDOW * sum(times.values())
        groups[group.name] = GroupPace(times, USUAL_SCATTER, load_s=load_s)
    every_s = [time for group in groups.values() for time in group.inference_s.values()]
    return Pace(
        groups=groups,
        comparisons=max(comparisons(group.inference_s) for group in groups.values()),
        warmup_s=LONGEST_WARMUP * WARMUP_WINDOW * max(every_s),
        start_s=TYPICAL_START_S,
    )


def _typical_s(manifest: Manifest) -> float:
    return manifest.madds * TYPICAL_S_A_MADD if manifest.madds else TYPICAL_S


def guess(device: str, given_s: float | None) -> Diagnostic:
    """What the forecast is based on without a pilot."""
    if given_s:
        return Diagnostic("guessed_from_given_pace", {"device": device})
    pace = round(1e-3 / TYPICAL_S_A_MADD)
    return Diagnostic("guessed_from_typical_pace", {"device": device, "madds_a_ms": pace})
