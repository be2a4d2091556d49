"""Carry out a request: choose, stage, measure a pilot, plan, measure, compare.

The run folder is complete in itself; it holds, beside what `edgebench.deploy.staging` says,

    request.json          what was asked
    manifests/<slot>.json the manifests of what is measured, and of what this device cannot run
    draft.json            the plan as far as it is known before the pilot
    pilot/                a run folder of the pilot's own
    forecast.json         what the plan will take, and what it can detect
    noise.json            the noise floors that the verdicts are read against
    comparison.json       what came out
    explanation.json      where it comes from, if stages were taken out or operations profiled
"""

from __future__ import annotations

import datetime
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

import numpy as np

from edgebench.benchmarks import compare, explain, floors
from edgebench.benchmarks.comparison import Comparison
from edgebench.benchmarks.conditions import Conditions
from edgebench.benchmarks.design import AGAIN, Family, choose, cooling, draft_plan, lay_out
from edgebench.benchmarks.explanation import Explanation
from edgebench.benchmarks.machine_checks import before_the_run
from edgebench.benchmarks.noise import NoiseFloors
from edgebench.benchmarks.pilot import PILOT, limit_s, measured_s, pace, pilot_plan, run_pilot
from edgebench.benchmarks.request import RunRequest
from edgebench.benchmarks.sizing import Forecast, choose_size
from edgebench.benchmarks.statistics import Floats
from edgebench.converters.artifact import Artifact, Manifest
from edgebench.converters.foreign import find_artifacts
from edgebench.deploy.device import Counting, Device
from edgebench.deploy.plan import Plan
from edgebench.deploy.result import RunResult
from edgebench.deploy.staging import (
    FILES,
    HOST,
    PLAN,
    RESULT,
    content_name,
    plan_hash,
    read_plan,
    stage_file,
    write_plan,
)
from edgebench.documents import load, save
from edgebench.errors import DataError, InvalidFileError, UsageError
from edgebench.progress import Progress, silent

REQUEST = "request.json"
MANIFESTS = "manifests"
DRAFT = "draft.json"
FORECAST = "forecast.json"
NOISE = "noise.json"
COMPARISON = "comparison.json"
EXPLANATION = "explanation.json"

EMULATED_IMAGES = 200
"""Evaluation inputs for a device that is many times slower than the processor it imitates."""


def run(
    request: RunRequest, device: Device, progress: Progress = silent, command: str = ""
) -> Comparison:
    """Measure what a request asks for, in a new run folder.

    On Ctrl-C the comparison of what was measured so far comes back, marked as interrupted; with
    nothing measured yet the `KeyboardInterrupt` goes on. Raises `EdgeBenchError`.
    """
    folder = prepare(request, device, progress)
    return carry_out(folder, device, progress, command)


class Runnable(Protocol):
    """What has to be known of a device before anything is run on it."""

    @property
    def name(self) -> str: ...

    @property
    def formats(self) -> tuple[str, ...]: ...


def prepare(request: RunRequest, device: Runnable, progress: Progress = silent) -> Path:
    """Make the run folder: request, drafted plan, manifests and files. Measures nothing."""
    chosen = choose(_artifacts(request), request)
    families = [family for family in chosen if family.format in device.formats]
    if not families:
        forms = ", ".join(dict.fromkeys(family.format for family in chosen))
        raise UsageError(
            f"{device.name} runs no {forms} files, so there is nothing to measure",
            f"it runs: {', '.join(device.formats)}",
        )
    folder = new_folder(Path(request.out), device.name)
    draft = draft_plan(folder.name, families, request)
    artifacts = _by_slot(families, draft.artifacts)
    for number, (slot, artifact) in enumerate(artifacts.items()):
        _stage(artifact, folder)
        save(_manifest_path(folder, slot), artifact.manifest)
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
    """Plan a run folder by what its pilot finds, and say what the plan takes and can detect.

    There is nothing to say for a device that counts instructions: its plan has no blocks, and as
    emulation is slow, few images. What is done of the pilot or the plan is not done again. Raises
    `UsageError` where the budget is too short for these models, `KeyboardInterrupt` and
    `EdgeBenchError`.
    """
    request, draft = load(folder / REQUEST, RunRequest), load(folder / DRAFT, Plan)
    if isinstance(device, Counting):
        if not (folder / PLAN).exists():
            write_plan(replace(draft, cooldown=None, images=EMULATED_IMAGES), folder)
        return None
    if (folder / PLAN).exists():
        return load(folder / FORECAST, Forecast)
    result = run_pilot(folder / PILOT, device, limit_s(request.limit_s), progress)
    found = pace(read_plan(folder / PILOT), result)
    spent_s = measured_s(result.blocks)
    forecast = choose_size(found, request.limit_s, request.detect, spent_s)
    seen = Conditions(compare.measured(result.blocks), result.context.core_count, draft.cores)
    warm = bool(draft.cooldown and result.start_temperatures_c)
    forecast = replace(
        forecast,
        warnings=before_the_run(seen),
        cooling_s=forecast.seconds if warm else 0.0,
    )
    save(folder / FORECAST, forecast)
    plan = lay_out(draft, forecast.size, forecast.warmup_s)
    plan = cooling(plan, forecast.cooling_s, result.start_temperatures_c)
    write_plan(replace(plan, profile=request.profile), folder)
    return forecast


def carry_out(
    folder: Path, device: Device, progress: Progress = silent, command: str = ""
) -> Comparison:
    """Plan a run folder if that is left to do, measure what is left, and write the comparison."""
    plan_ahead(folder, device, progress)
    save(folder / NOISE, floors.read(device.name))
    result = device.run(folder, progress)
    return judge(folder, result, device.description, command)


def judge(folder: Path, result: RunResult, description: str, command: str = "") -> Comparison:
    """Compare what is measured of a run folder's plan, and keep what comes out in the folder.

    Raises `InvalidFileError`, such as for the result of another plan.
    """
    measured = read_run(folder, result, description, command)
    comparison = compare.compare(measured)
    save(folder / COMPARISON, comparison)
    if explain.wanted(measured):
        save(folder / EXPLANATION, explain.explain(measured))
    return comparison


def latest(out: Path, device: str) -> Path:
    """The newest run folder of a device, for `--resume`. Raises `DataError`."""
    folders = sorted(path.parent for path in out.glob(f"*-{device}/{DRAFT}"))
    if not folders:
        raise DataError(f"there is no run of device {device} in {out}", "start one: edgebench run")
    return folders[-1]


def read_run(folder: Path, result: RunResult, description: str, command: str = "") -> compare.Run:
    """Gather what a run folder holds. Raises `InvalidFileError`."""
    if result.plan_sha256 != plan_hash(folder):
        raise InvalidFileError(
            f"{folder / RESULT} belongs to another plan than {folder / PLAN}", "start a new run"
        )
    plan, manifests = read_plan(folder), read_manifests(folder)
    host, host_outputs = _on_host(folder, result)
    return compare.Run(
        name=folder.name,
        request=load(folder / REQUEST, RunRequest),
        device_description=description,
        plan=plan,
        result=result,
        manifests=manifests,
        references=_references(folder, manifests, plan.artifacts),
        outputs={
            **_own_outputs(folder, manifests, plan.artifacts),
            **compare.load_outputs(result, folder),
        },
        command=command,
        floors=load(folder / NOISE, NoiseFloors),
        host=host,
        host_outputs=host_outputs,
    )


def _on_host(folder: Path, result: RunResult) -> tuple[RunResult | None, Mapping[str, Floats]]:
    """The same plan's result and outputs of the host's own processor, where the folder has some."""
    beside = folder / HOST
    if not (beside / RESULT).exists():
        return None, {}
    host = load(beside / RESULT, RunResult)
    if host.plan_sha256 != result.plan_sha256:
        return None, {}
    return host, compare.load_outputs(host, beside)


def read_manifests(folder: Path) -> dict[str, Manifest]:
    """What a run folder measures or knows of, by slot. Raises `InvalidFileError`."""
    return {
        unquote(path.name.removesuffix(".json")): load(path, Manifest)
        for path in sorted((folder / MANIFESTS).glob("*.json"))
    }


def read_explanation(folder: Path) -> Explanation | None:
    """The explanation that lies in a run folder, if any. Raises `InvalidFileError`."""
    path = folder / EXPLANATION
    return load(path, Explanation) if path.exists() else None


def read_result(folder: Path) -> RunResult:
    """The result that lies in a run folder. Raises `InvalidFileError`."""
    return load(folder / RESULT, RunResult)


def new_folder(out: Path, device: str) -> Path:
    """The path of a new run folder, named for the time and the device; it is not there yet."""
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
    folder = out / f"{stamp}-{device}"
    number = 1
    while folder.exists():  # Two runs in one second.
        number += 1
        folder = out / f"{stamp}.{number}-{device}"
    return folder


def _manifest_path(folder: Path, slot: str) -> Path:
    """A slot may be a path within somebody else's folder, and becomes one file's name."""
    return folder / MANIFESTS / f"{slot.replace('%', '%25').replace('/', '%2F')}.json"


def _by_slot(families: Sequence[Family], slots: Mapping[str, object]) -> dict[str, Artifact]:
    every = {one.key: one for family in families for one in (family.baseline, *family.models)}
    return {slot: every[slot.removesuffix(AGAIN)] for slot in slots}


def _stage(artifact: Artifact, folder: Path) -> None:
    manifest = artifact.manifest
    for place in (folder, folder / PILOT):
        stage_file(artifact.path, manifest.sha256, place)
    if manifest.evaluation is not None:
        beside, inputs = artifact.path.parent, manifest.evaluation
        stage_file(beside / inputs.inputs, inputs.inputs_sha256, folder)
        stage_file(beside / inputs.reference, inputs.reference_sha256, folder)


def _stage_unrun(family: Family, folder: Path) -> None:
    """Keep what is known of artifacts that the device cannot run: size, drift and accuracy."""
    for artifact in (family.baseline, *family.models):
        save(_manifest_path(folder, artifact.key), artifact.manifest)
        known, beside = artifact.manifest.evaluation, artifact.path.parent
        if known is not None and known.outputs is not None and known.outputs_sha256 is not None:
            stage_file(beside / known.inputs, known.inputs_sha256, folder)
            stage_file(beside / known.reference, known.reference_sha256, folder)
            stage_file(beside / known.outputs, known.outputs_sha256, folder)


def _own_outputs(
    folder: Path, manifests: Mapping[str, Manifest], measured: Container[str]
) -> dict[str, Floats]:
    """The outputs that artifacts brought with them, (M, classes), by slot."""
    outputs = {}
    for slot, manifest in manifests.items():
        known = manifest.evaluation if slot not in measured else None
        if known is not None and known.outputs is not None and known.outputs_sha256 is not None:
            name = content_name(Path(known.outputs), known.outputs_sha256)
            outputs[slot] = _member(folder / FILES / name, "logits")
    return outputs


def _references(
    folder: Path, manifests: Mapping[str, Manifest], measured: Container[str]
) -> dict[str, tuple[Floats, Floats]]:
    """Labels (N,) and the trained model's logits (N, classes), by slot."""
    references = {}
    for slot, manifest in manifests.items():
        evaluation = manifest.evaluation
        if evaluation is not None and (slot in measured or evaluation.outputs is not None):
            inputs = content_name(Path(evaluation.inputs), evaluation.inputs_sha256)
            reference = content_name(Path(evaluation.reference), evaluation.reference_sha256)
            references[slot] = (
                _member(folder / FILES / inputs, "labels"),
                _member(folder / FILES / reference, "logits"),
            )
    return references


def _member(path: Path, name: str) -> Floats:
    try:
        with np.load(path, allow_pickle=False) as archive:
            member: Floats = archive[name]
    except (OSError, ValueError, KeyError) as error:
        raise InvalidFileError(
            f"{path} holds no {name}: {error}", "export the model again with: edgebench export"
        ) from error
    return member
