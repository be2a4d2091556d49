"""Carry out a request: choose, stage, measure a pilot, plan, measure, compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from edgebench.benchmarks.explanation import explain
from edgebench.benchmarks.gate.machine_checks import before_the_run
from edgebench.benchmarks.gate.machine_state import MachineState
from edgebench.benchmarks.planning import sustained
from edgebench.benchmarks.planning.design import (
    AGAIN,
    Family,
    choose,
    cooling,
    draft_plan,
    floors,
    lay_out,
)
from edgebench.benchmarks.planning.pilot import (
    PILOT,
    limit_s,
    measured_s,
    pace,
    pilot_plan,
    run_pilot,
    without_floors,
)
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sizing import Forecast, choose_size
from edgebench.benchmarks.results import floor_store
from edgebench.benchmarks.results.compare import compare
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.results.measured import measured
from edgebench.benchmarks.results.run_folder import (
    COMPARISON,
    DRAFT,
    EXPLANATION,
    FORECAST,
    NOISE,
    REQUEST,
    manifest_path,
    new_folder,
    read_manifests,
    read_run,
)
from edgebench.benchmarks.runs import early_stop, load_time
from edgebench.converters.artifact import Artifact
from edgebench.converters.external import find_artifacts
from edgebench.deploy.device.interface import Device, Untimed
from edgebench.deploy.documents.plan import Plan
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import PLAN, read_plan, stage_file, write_plan
from edgebench.documents import load, save
from edgebench.errors import UsageError
from edgebench.progress import Progress, silent

EMULATED_IMAGES = 200
"""Evaluation inputs for a device that is many times slower than the processor it imitates."""


def run(
    request: RunRequest, device: Device, progress: Progress = silent, command: str = ""
) -> Comparison:
    """Measure what a request asks for, in a new run folder.

    On Ctrl-C it returns the comparison of what was measured so far, marked as interrupted; if
    nothing is measured yet it raises `KeyboardInterrupt`. Raises `EdgeBenchError`.
    """
    folder = prepare(request, device, progress)
    return carry_out(folder, device, progress, command)


class Runnable(Protocol):
    """What must be known of a device before anything runs on it."""

    @property
    def name(self) -> str: ...

    @property
    def formats(self) -> tuple[str, ...]: ...


def prepare(request: RunRequest, device: Runnable, progress: Progress = silent) -> Path:
    """Make the run folder: request, drafted plan, manifests and files. Measures nothing."""
    if request.sustain_s is not None and isinstance(device, Untimed):
        raise UsageError(
            f"times have no meaning on {device.name}, so it cannot be measured under load",
            "leave out --sustain",
        )
    chosen = choose(_artifacts(request), request)
    families = [family for family in chosen if family.format in device.formats]
    if not families:
        forms = ", ".join(dict.fromkeys(family.format for family in chosen))
        raise UsageError(
            f"{device.name} runs no {forms} files, so there is nothing to measure",
            f"it runs: {', '.join(device.formats)}",
        )
    if request.floor is not None:
        families += floors(find_artifacts(Path(request.floor), None, None), families)
    folder = new_folder(Path(request.out), device.name)
    draft = draft_plan(folder.name, families, request)
    artifacts = _by_slot(families, draft.artifacts)
    for number, (slot, artifact) in enumerate(artifacts.items()):
        _stage(artifact, folder)
        save(manifest_path(folder, slot), artifact.manifest)
        progress("staging files", number + 1, len(artifacts))
    for family in chosen:
        if family not in families:
            _stage_unrun(family, folder)
    save(folder / REQUEST, request)
    write_plan(pilot_plan(draft), folder / PILOT)
    save(folder / DRAFT, draft)  # Last, so that a folder with a draft is a complete one.
    return folder


def _artifacts(request: RunRequest) -> Iterator[Artifact]:
    names = None if request.models is None else {request.baseline or "", *request.models}
    return find_artifacts(Path(request.artifacts), names, request.formats)


def plan_ahead(folder: Path, device: Device, progress: Progress = silent) -> Forecast | None:
    """Plan a run folder from its pilot, and forecast what the plan takes and can detect.

    There is no forecast for a sustained run, which detects no overheads, nor for an untimed
    device: its plan has no blocks, and few images because emulation is slow. A finished pilot or
    plan is not made again. Raises `UsageError` if the budget is too short for these models,
    `KeyboardInterrupt` and `EdgeBenchError`.
    """
    request, draft = load(folder / REQUEST, RunRequest), load(folder / DRAFT, Plan)
    if isinstance(device, Untimed):
        if not (folder / PLAN).exists():
            write_plan(
                replace(draft, cooldown=None, images=request.images or EMULATED_IMAGES), folder
            )
        return None
    if request.sustain_s is not None:
        _plan_sustained(folder, draft, device, request.sustain_s, progress)
        return None
    if (folder / PLAN).exists():
        return load(folder / FORECAST, Forecast)
    result = run_pilot(folder / PILOT, device, limit_s(request.limit_s), progress)
    found = pace(read_plan(folder / PILOT), result)
    spent_s = measured_s(result.blocks)
    early = _stops_early(request, folder, draft)
    judged, floor_sizes = without_floors(found)
    forecast = choose_size(judged, request.limit_s, request.detect, spent_s, early)
    seen = MachineState(measured(result.blocks), result.context.core_count, draft.cores)
    warm = bool(draft.cooldown and result.start_temperatures_c)
    forecast = replace(
        forecast,
        warnings=before_the_run(seen),
        cooling_s=forecast.seconds if warm else 0.0,
    )
    save(folder / FORECAST, forecast)
    size = replace(forecast.size, groups={**forecast.size.groups, **floor_sizes})
    plan = lay_out(draft, size, forecast.warmup_s)
    plan = cooling(plan, forecast.cooling_s, result.start_temperatures_c)
    write_plan(replace(plan, profile=request.profile, images=request.images), folder)
    return forecast


def _plan_sustained(
    folder: Path, draft: Plan, device: Device, sustain_s: float, progress: Progress
) -> None:
    """Plan a sustained run from a short pilot; a finished plan is not made again."""
    if (folder / PLAN).exists():
        return
    longest_s = min(limit_s(sustain_s), sustained.PILOT_LIMIT_S)
    result = run_pilot(folder / PILOT, device, longest_s, progress)
    found = pace(read_plan(folder / PILOT), result)
    mean_s = sustained.mean_inference_s(result)
    write_plan(sustained.lay_out(draft, found, sustain_s, mean_s), folder)


def unheard(forecast: Forecast) -> None:
    """Listen to nothing."""


def carry_out(
    folder: Path,
    device: Device,
    progress: Progress = silent,
    command: str = "",
    tell: Callable[[Forecast], None] = unheard,
) -> Comparison:
    """Plan a run folder if needed, measure what is left, and write the comparison.

    `tell` hears what the plan takes and can detect, before it is carried out.
    """
    forecast = plan_ahead(folder, device, progress)
    if forecast is not None:
        tell(forecast)
    save(folder / NOISE, floor_store.read(device.name))
    stops = forecast is not None and forecast.size.stops_early
    carry_out_plan = early_stop.run if stops else _to_the_end
    if load(folder / REQUEST, RunRequest).sustain_s is not None:
        carry_out_plan = load_time.run
    result = carry_out_plan(folder, device, progress)
    return judge(folder, result, device.description, command)


def _to_the_end(folder: Path, device: Device, progress: Progress) -> RunResult:
    return device.run(folder, progress)


def _stops_early(request: RunRequest, folder: Path, draft: Plan) -> bool:
    """Whether a run is over as soon as its question is answered.

    It is not if the whole budget was asked for, or if it is measured for its figures and not for a
    verdict: a noise floor, an explanation.
    """
    if request.whole_budget or request.profile:
        return False
    manifests = read_manifests(folder)
    if any(manifests[slot].ablation for slot in draft.artifacts):
        return False
    judged = (s for group in draft.groups for s in group.slots if s != group.baseline)
    return any(not slot.endswith(AGAIN) for slot in judged)


def judge(folder: Path, result: RunResult, description: str, command: str = "") -> Comparison:
    """Compare what is measured of a run folder's plan, and keep the results in the folder.

    Raises `InvalidFileError`, such as for the result of another plan.
    """
    found = read_run(folder, result, description, command)
    comparison = compare(found)
    save(folder / COMPARISON, comparison)
    if not found.families and explain.wanted(found):
        save(folder / EXPLANATION, explain.explain(found))
    return comparison


def _by_slot(families: Sequence[Family], slots: Mapping[str, object]) -> dict[str, Artifact]:
    every = {one.key: one for family in families for one in (family.baseline, *family.models)}
    return {slot: every[slot.removesuffix(AGAIN)] for slot in slots}


def _stage(artifact: Artifact, folder: Path) -> None:
    manifest = artifact.manifest
    for place in (folder, folder / PILOT):
        stage_file(artifact.path, manifest.sha256, place)
    if manifest.evaluation is not None:
        source, inputs = artifact.path.parent, manifest.evaluation
        stage_file(source / inputs.inputs, inputs.inputs_sha256, folder)
        stage_file(source / inputs.reference, inputs.reference_sha256, folder)


def _stage_unrun(family: Family, folder: Path) -> None:
    """Keep what is known of artifacts that the device cannot run: size, drift and accuracy."""
    for artifact in (family.baseline, *family.models):
        save(manifest_path(folder, artifact.key), artifact.manifest)
        known, source = artifact.manifest.evaluation, artifact.path.parent
        if known is not None and known.outputs is not None and known.outputs_sha256 is not None:
            stage_file(source / known.inputs, known.inputs_sha256, folder)
            stage_file(source / known.reference, known.reference_sha256, folder)
            stage_file(source / known.outputs, known.outputs_sha256, folder)
