"""The drift chain of one model to its targets.

    source -> onnx                                           once
           -> FORMAT:fp32                                    once for each form of the graph
           -> FORMAT:PRECISION -> its kernels here           for each target, and its layers

Nothing is refused and nothing written here: a file that is wrong shows it by its hop and layer.
Formats are processes of their own, as in an export.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgebench.converters import targets
from edgebench.converters.backend import Instructions
from edgebench.converters.drift import layers
from edgebench.converters.drift.chain import ChainLink, follow
from edgebench.converters.drift.difference import FURTHEST, Meaning
from edgebench.converters.drift.document import (
    CalibrationData,
    DriftHop,
    DriftReport,
    Remedy,
    TargetDrift,
)
from edgebench.converters.drift.subject import DriftSubject, open_subject
from edgebench.converters.export import native
from edgebench.converters.export import request as requests
from edgebench.converters.export.batches import Batch, convert
from edgebench.converters.export.evaluation import source_outputs
from edgebench.converters.export.formats import pipeline_for, preload
from edgebench.converters.export.process_pool import Failure, Pool
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.export.source import Source
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.reference import Array
from edgebench.converters.targets import FORMATS, Target
from edgebench.models.data.images import Pixels
from edgebench.progress import Progress, silent
from edgebench.tasks.task import Outputs

EXACT_DB = 60.0
"""A file whose outputs are as near as that to the source's has no layer to look for."""

_HELD_BYTES = 256_000_000


@dataclass(frozen=True)
class Drifted:
    """The report, and what the task keeps of the outputs, by hop, then by role.

    `read` is how outputs are read. `pictures` are the images that any hop answers otherwise, by
    number, (height, width, 3) uint8.
    """

    report: DriftReport
    kept: Mapping[str, Outputs]
    read: Meaning
    pictures: Mapping[int, Pixels]


@dataclass(frozen=True)
class _Task:
    """What one format's process gets."""

    request: ExportRequest
    targets: tuple[Target, ...]
    subject: DriftSubject
    base: tuple[ChainLink, ...]


@dataclass(frozen=True)
class _Answer:
    targets: Mapping[Target, TargetDrift]
    kept: Mapping[str, Outputs]
    notes: tuple[str, ...]


def drift(
    request: ExportRequest, images: int, progress: Progress = silent, jobs: int = 1
) -> Drifted:
    """Follow one model to the request's targets, over at most so many images.

    Raises `UsageError`, `MissingExtraError`, `InvalidFileError`, `DataError` and
    `UnsupportedModelError` where nothing can be compared. A target that cannot be made says so in
    the report.
    """
    requests.check(request)
    for target in request.targets:
        targets.require(target)
    formats = list(dict.fromkeys(target.format for target in request.targets))
    if jobs > 1 and request.module is None and any(FORMATS[f].own_packages for f in formats):
        with Pool(_drift_format, jobs) as pool:
            pool.prepare(preload, formats)
            subject = open_subject(request, images, progress)
            base, hops, kept = _base(subject, progress)
            tasks = _tasks(request, formats, subject, base)
            answers = [
                _answered(task, result)
                for task, result in zip(
                    tasks, pool.run(tasks, lambda _, *step: progress(*step)), strict=True
                )
            ]
    else:
        subject = open_subject(request, images, progress)
        base, hops, kept = _base(subject, progress)
        answers = [
            _drift_format(task, progress) for task in _tasks(request, formats, subject, base)
        ]
    return _drifted(request, subject, hops, kept, answers)


def _tasks(
    request: ExportRequest,
    formats: Sequence[str],
    subject: DriftSubject,
    base: tuple[ChainLink, ...],
) -> list[_Task]:
    return [
        _Task(
            request,
            tuple(target for target in request.targets if target.format == name),
            subject.portable(),
            base,
        )
        for name in formats
    ]


def _answered(task: _Task, result: _Answer | Failure) -> _Answer:
    if isinstance(result, Failure):
        return _Answer({t: _failed(t, result.message) for t in task.targets}, {}, ())
    return result


def _failed(target: Target, reason: str) -> TargetDrift:
    return TargetDrift(str(target), failure=reason)


def _drifted(
    request: ExportRequest,
    subject: DriftSubject,
    hops: Sequence[DriftHop],
    kept: Mapping[str, Outputs],
    answers: Sequence[_Answer],
) -> Drifted:
    found = {target: one for answer in answers for target, one in answer.targets.items()}
    calibration = None
    if any(target.needs_calibration for target in request.targets):
        data = subject.data
        calibration = CalibrationData(data.source, len(data.calibration), data.sha256)
    report = DriftReport(
        model=request.name,
        data=subject.source,
        task=subject.read.task.task if subject.read.task else None,
        unit=subject.unit,
        meaningful=subject.meaningful,
        hops=tuple(hops),
        targets=tuple(found[target] for target in request.targets),
        calibration=calibration,
        notes=tuple(
            dict.fromkeys((*subject.notes, *(note for one in answers for note in one.notes)))
        ),
    )
    outputs = dict(kept)
    for answer in answers:
        outputs |= answer.kept
    return Drifted(report, outputs, subject.read, _flipped(report, subject.pictures))


def _flipped(report: DriftReport, pictures: Pixels | None) -> dict[int, Pixels]:
    hops = (hop for target in report.targets for hop in target.hops if hop.source)
    numbers = {one.image for hop in hops if hop.source for one in hop.source.flips}
    return {} if pictures is None else {number: pictures[number] for number in sorted(numbers)}


def _base(
    subject: DriftSubject, progress: Progress
) -> tuple[tuple[ChainLink, ...], tuple[DriftHop, ...], Mapping[str, Outputs]]:
    """The hops that all targets share: compared once, and kept for the other comparisons."""
    graph, samples = subject.graph, subject.samples
    onnx = ChainLink("onnx", "onnx", reference.outputs(graph.model, samples))
    links = [replace(onnx, stage="source", name=subject.origin)]
    if subject.model is not None and subject.model.torch is not None:
        links = [ChainLink("source", subject.origin, _held(subject, subject.model)), onnx]
    followed = follow(links, subject.read, len(samples), progress)
    held = links if isinstance(links[0].outputs, list) or len(links) == 1 else links[1:]
    return tuple(held), followed.hops, followed.kept


def _held(subject: DriftSubject, model: Source) -> Iterable[Sequence[Array]]:
    """What the source model computes: kept where it fits, for torch is not at hand later."""
    made = source_outputs(model, subject.samples)
    each = sum(4 * int(np.prod(port.shape)) for port in subject.graph.outputs)
    return list(made) if each * len(subject.samples) <= _HELD_BYTES else made


def _drift_format(task: _Task, progress: Progress) -> _Answer:
    """One format's targets. What cannot be made is in the answer."""
    request, subject = task.request, task.subject
    notes: list[str] = []
    instructions = Instructions(
        subject.preprocessing, subject.labels, request.ios, request.image_input, notes.append
    )
    found: dict[Target, TargetDrift] = {}
    kept: dict[str, Outputs] = {}
    todo = list(task.targets)
    while todo:
        pipelines = {target: pipeline_for(request, target) for target in todo}
        batches, failed = convert(
            subject.graph,
            pipelines,
            subject.data,
            instructions,
            request.ranges,
            subject.read.task,
            progress,
        )
        found |= {target: _failed(target, error.message) for target, error in failed.items()}
        todo = []
        for batch in batches:
            for target in batch.contents:
                one, outputs = _follow_target(task, batch, target, progress)
                kept |= outputs
                found[target] = one
                safer = _reduced_range(target, one)
                if safer is not None and safer not in found:
                    todo.append(safer)
    for target in task.targets:
        safer = _reduced_range(target, found[target])
        if safer is not None and found[safer].hops:
            remedy = Remedy("reduce_range", str(safer), found[safer].hops[-1])
            found[target] = replace(found[target], remedy=remedy)
    return _Answer({target: found[target] for target in task.targets}, kept, tuple(notes))


def _follow_target(
    task: _Task, batch: Batch, target: Target, progress: Progress
) -> tuple[TargetDrift, Mapping[str, Outputs]]:
    subject, backend = task.subject, targets.backend(target.format)
    graph, samples = batch.form.graph, subject.samples
    content, float32 = batch.contents[target], f"{target.format}:fp32"

    def run(content: Any, exact: bool) -> Iterator[Sequence[Array]]:
        """Opened when its turn comes: a file that does not open is a hop that fails."""
        yield from backend.open_converted(graph, content, exact).run_all(samples)

    links = list(task.base)
    if target.precision != "fp32":
        links.append(ChainLink("float", float32, run(batch.float32, True)))
    links.append(ChainLink("file", str(target), run(content, True)))
    if FORMATS[target.format].measured_here:
        links.append(ChainLink("kernels", f"{target} here", run(content, False)))
    followed = follow(links, subject.read, len(samples), progress)
    hops = tuple(hop for hop in followed.hops if hop.stage not in ("source", "onnx"))
    (file,) = (hop for hop in hops if hop.stage == "file")
    ranked = layers.Ranked()
    if _loses(file):
        places = file.source.furthest if file.source else range(len(samples))[:FURTHEST]
        few = [samples[place] for place in places]
        ranked = layers.of_file(batch, target, few, subject.read.task, progress)
    kept = {name: one for name, one in followed.kept.items() if name.startswith(str(target))}
    drifted = TargetDrift(str(target), hops, ranked.layers, ranked.blocks, ranked.images)
    return drifted, kept


def _loses(file: DriftHop) -> bool:
    """Whether the file's outputs are far enough from the source's to ask for the layer."""
    if file.source is None:
        return True
    return file.source.snr_db is not None and file.source.snr_db < EXACT_DB


def _reduced_range(target: Target, found: TargetDrift) -> Target | None:
    """The target with 7-bit weights, where this processor's kernels lose what the file has not."""
    if target.base != "int8" or "int8r" not in FORMATS[target.format].precisions:
        return None
    by_stage = {hop.stage: hop for hop in found.hops}
    file, kernels = by_stage.get("file"), by_stage.get("kernels")
    if file is None or kernels is None or file.source is None or kernels.source is None:
        return None
    lost = native.lower(file.source.snr_db, kernels.source.snr_db)
    return Target(target.format, "int8r") if lost else None
