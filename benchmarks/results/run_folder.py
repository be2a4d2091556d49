"""What is in a run folder, and how it is read.

The run folder is complete; in addition to what `deploy/documents/staging.py` lists, it holds

    request.json          what was asked for
    manifests/<slot>.json the manifests of what is measured, and of what this device cannot run
    draft.json            the plan without what the pilot decides
    pilot/                the run folder of the pilot
    forecast.json         what the plan will take, and what it can detect
    noise.json            the noise floors that the verdicts are read against
    comparison.json       the results
    explanation.json      where overheads come from, if stages were removed or operations profiled
"""

from __future__ import annotations

import datetime
import zipfile
import zlib
from collections.abc import Container, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from edgebench.benchmarks.gate.noise_floor import NoiseFloors
from edgebench.benchmarks.planning import sustained
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.results.explanation import Explanation
from edgebench.benchmarks.results.measured import MeasuredRun
from edgebench.converters.artifact import ARRAYS, IMAGES, Evaluation, Manifest
from edgebench.deploy.documents.plan import Group, Plan
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import (
    FILES,
    HOST,
    PLAN,
    RESULT,
    content_name,
    plan_hash,
    read_plan,
)
from edgebench.deploy.registry import devices
from edgebench.documents import load
from edgebench.errors import DataError, EdgeBenchError, InvalidFileError
from edgebench.tasks.task import Array, Outputs

REQUEST = "request.json"
MANIFESTS = "manifests"
DRAFT = "draft.json"
FORECAST = "forecast.json"
NOISE = "noise.json"
COMPARISON = "comparison.json"
EXPLANATION = "explanation.json"


def new_folder(out: Path, device: str) -> Path:
    """The path of a new run folder, named for the time and the device; it does not exist yet."""
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
    folder = out / f"{stamp}-{device}"
    number = 1
    while folder.exists():  # Two runs in one second.
        number += 1
        folder = out / f"{stamp}.{number}-{device}"
    return folder


def latest(out: Path, device: str) -> Path:
    """The newest run folder of a device, or of any (`*`), for `--resume`. Raises `DataError`."""
    folders = sorted(path.parent for path in out.glob(f"*-{device}/{DRAFT}"))
    if not folders:
        of = "" if device == "*" else f" of device {device}"
        raise DataError(f"there is no run{of} in {out}", "start one: edgebench run")
    return folders[-1]


def manifest_path(folder: Path, slot: str) -> Path:
    """The manifest of a slot, which may be a path within a folder of external files."""
    return folder / MANIFESTS / f"{slot.replace('%', '%25').replace('/', '%2F')}.json"


def read_manifests(folder: Path) -> dict[str, Manifest]:
    """All manifests in a run folder, by slot. Raises `InvalidFileError`."""
    return {
        unquote(path.name.removesuffix(".json")): load(path, Manifest)
        for path in sorted((folder / MANIFESTS).glob("*.json"))
    }


def read_result(folder: Path) -> RunResult:
    """The result in a run folder. Raises `InvalidFileError`."""
    return load(folder / RESULT, RunResult)


def read_explanation(folder: Path) -> Explanation | None:
    """The explanation in a run folder, if there is one. Raises `InvalidFileError`."""
    path = folder / EXPLANATION
    return load(path, Explanation) if path.exists() else None


def read_run(folder: Path, result: RunResult, description: str, command: str = "") -> MeasuredRun:
    """Read everything in a run folder. Raises `InvalidFileError`."""
    if result.plan_sha256 != plan_hash(folder):
        raise InvalidFileError(
            f"{folder / RESULT} belongs to another plan than {folder / PLAN}", "start a new run"
        )
    plan, manifests = read_plan(folder), read_manifests(folder)
    host, host_outputs = _on_host(folder, result)
    beside = _evaluation_files(folder, manifests, plan.artifacts)
    return MeasuredRun(
        name=folder.name,
        request=load(folder / REQUEST, RunRequest),
        device_description=description,
        plan=plan,
        result=result,
        manifests=manifests,
        labels={slot: _archive(files[0]) for slot, files in beside.items()},
        references={slot: _archive(files[1]) for slot, files in beside.items()},
        outputs={
            **_own_outputs(folder, manifests, plan.artifacts),
            **load_outputs(result, folder),
        },
        command=command,
        floors=load(folder / NOISE, NoiseFloors),
        host=host,
        host_outputs=host_outputs,
        cores_known=_cores_known(load(folder / REQUEST, RunRequest).device),
        families=_families(folder),
    )


def _families(folder: Path) -> tuple[Group, ...]:
    """The groups that a sustained run was drafted for, each artifact once; none of other runs."""
    if load(folder / REQUEST, RunRequest).sustain_s is None:
        return ()
    drafted = load(folder / DRAFT, Plan).groups
    return tuple(replace(one, slots=sustained.models(one)) for one in drafted)


def read_times(folder: Path, result: RunResult) -> MeasuredRun:
    """What is needed to judge the times of a run that still goes on: neither labels nor outputs."""
    return MeasuredRun(
        name=folder.name,
        request=load(folder / REQUEST, RunRequest),
        device_description="",
        plan=read_plan(folder),
        result=result,
        manifests=read_manifests(folder),
        labels={},
        references={},
        outputs={},
        command="",
        floors=load(folder / NOISE, NoiseFloors),
        families=_families(folder),
    )


def _cores_known(device: str) -> int | None:
    try:
        entry = devices.entry(device)
    except EdgeBenchError:  # A run can be read where its device is not registered.
        return None
    return sum(len(cluster.cores) for cluster in entry.clusters) or None


def _on_host(folder: Path, result: RunResult) -> tuple[RunResult | None, Mapping[str, Outputs]]:
    """The same plan's result and outputs on the host's processor, if the folder has them."""
    host_folder = folder / HOST
    if not (host_folder / RESULT).exists():
        return None, {}
    host = load(host_folder / RESULT, RunResult)
    if host.plan_sha256 != result.plan_sha256:
        return None, {}
    return host, load_outputs(host, host_folder)


def load_outputs(result: RunResult, folder: Path) -> dict[str, Outputs]:
    """The outputs in a run folder, by slot and role, left on the disk until they are read.

    Raises `InvalidFileError`.
    """
    return {
        slot: {role: _array(folder / name) for role, name in evaluation.outputs.items()}
        for slot, evaluation in result.evaluations.items()
        if evaluation.outputs is not None
    }


def _own_outputs(
    folder: Path, manifests: Mapping[str, Manifest], measured: Container[str]
) -> dict[str, Outputs]:
    """The outputs that were computed at the export, by slot and role."""
    outputs: dict[str, Outputs] = {}
    for slot, manifest in manifests.items():
        known = manifest.evaluation if slot not in measured else None
        if known is not None and known.outputs is not None and known.outputs_sha256 is not None:
            name = content_name(Path(known.outputs), known.outputs_sha256)
            outputs[slot] = _archive(folder / FILES / name)
    return outputs


def _evaluation_files(
    folder: Path, manifests: Mapping[str, Manifest], measured: Container[str]
) -> dict[str, tuple[Path, Path]]:
    """The files of inputs with labels and of the source model's outputs, by slot."""
    files = {}
    for slot, manifest in manifests.items():
        evaluation = manifest.evaluation
        if evaluation is not None and (slot in measured or evaluation.outputs is not None):
            reference = content_name(Path(evaluation.reference), evaluation.reference_sha256)
            files[slot] = (inputs_path(folder, evaluation), folder / FILES / reference)
    return files


def inputs_path(folder: Path, evaluation: Evaluation) -> Path:
    """Where a run folder has the inputs and labels of an evaluation."""
    return folder / FILES / content_name(Path(evaluation.inputs), evaluation.inputs_sha256)


def _array(path: Path) -> Array:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except (OSError, ValueError) as error:
        raise InvalidFileError(
            f"cannot read {path}: {error}", "bring it back from the device, or measure again"
        ) from error


def _archive(path: Path) -> dict[str, Array]:
    """The arrays of an .npz by name, but for the inputs, which nothing here looks at."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            beside = [n for n in archive.files if n != IMAGES and not n.startswith(ARRAYS)]
            return {name: archive[name] for name in beside}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidFileError(
            f"cannot read {path}: {error}", "export the model again with: edgebench export"
        ) from error
