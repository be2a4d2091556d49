"""One model converted to its targets, each proved. Nothing is written here.

A target that fails does not take the others with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from edgebench.content import Content, digest, size_bytes
from edgebench.converters import parity, targets
from edgebench.converters.analysis import operations
from edgebench.converters.artifact import Artifact, Calibration, Evaluation, Hop, Manifest
from edgebench.converters.backend import Backend, Converted, Instructions
from edgebench.converters.export import evaluation, examples, native
from edgebench.converters.export import request as requests
from edgebench.converters.export.evaluation import EvaluationFiles
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.export.source import Source, open_source
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Sample
from edgebench.converters.passes.bisect import first_wrong_pass
from edgebench.converters.passes.pipelines import PLAIN, Formed, Pipeline, formed, pipeline_of
from edgebench.converters.targets import FORMATS, Target
from edgebench.errors import EdgeBenchError
from edgebench.progress import Progress


@dataclass(frozen=True)
class Item:
    """One artifact, its content, and the content of the files that it has to itself beside it."""

    content: Content
    artifact: Artifact
    beside: Mapping[str, bytes]


@dataclass(frozen=True)
class Made:
    """What is to be written, by target; the files that all share, by name; and what failed."""

    items: Mapping[Target, Item]
    beside: Mapping[str, bytes]
    failed: Mapping[Target, EdgeBenchError]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Proven:
    """The ONNX graph, proved against its own source, and what its targets are proved with."""

    source: Source
    data: examples.ExampleSet
    trial: parity.Trial
    expected: parity.Outputs
    hops: tuple[Hop, ...]
    evaluation: EvaluationFiles | None


def make(request: ExportRequest, todo: Sequence[Target], progress: Progress) -> Made:
    """Convert and prove. Raises an `EdgeBenchError` where no target could be reached."""
    # Taken before the work, for the files may change while it lasts.
    fingerprints = {target: requests.fingerprint(request, target) for target in todo}
    proven = _proven(request, progress)
    source = proven.source
    notes: list[str] = []
    instructions = Instructions(
        source.preprocessing, source.labels, request.ios, request.image_input, notes.append
    )
    forms = {target: formed(source.graph, _pipeline(request, target)) for target in todo}
    contents, failed = _convert(forms, proven.data, instructions, progress)
    items: dict[Target, Item] = {}
    for done, (target, content) in enumerate(contents.items()):
        progress(f"prove {target}", done, len(contents))
        fingerprint = fingerprints[target]
        try:
            items[target] = _item(
                request, target, forms[target], content, proven, fingerprint, instructions, progress
            )
        except EdgeBenchError as error:
            failed[target] = error
    return Made(
        items=items,
        beside=proven.evaluation.contents if proven.evaluation else {},
        failed=failed,
        notes=(
            *source.graph.notes,
            *source.notes,
            *proven.data.notes,
            *(proven.evaluation.notes if proven.evaluation else ()),
            *notes,
        ),
    )


def _proven(request: ExportRequest, progress: Progress) -> _Proven:
    source = open_source(request, progress)
    graph = source.graph
    progress("read the examples", 0, 0)
    subject = evaluation.subject(request, source)
    data = examples.load(request, graph, source.preprocessing, subject)
    trial = parity.Trial(
        samples=data.held_out,
        outputs=[port.name for port in graph.outputs],
        meaningful=data.meaningful and source.weights != "untrained",
        classifies=source.is_classifier,
    )
    expected = reference.run(graph.model, data.held_out)
    hops: list[Hop] = []
    if source.torch is not None:
        progress("prove torch->onnx", 0, 0)
        outputs = source.torch(data.held_out)
        hops.append(parity.check("torch->onnx", outputs, expected, trial))
    files = None
    if subject is not None:
        progress("evaluate the source", 0, 0)
        files = evaluation.evaluate(subject, source)
    return _Proven(source, data, trial, expected, tuple(hops), files)


def _pipeline(request: ExportRequest, target: Target) -> Pipeline:
    """The passes that bring a graph into the target's form, as far as the request wants them."""
    return PLAIN if request.plain else pipeline_of(target).without(request.without_passes)


def _convert(
    forms: Mapping[Target, Formed],
    data: examples.ExampleSet,
    instructions: Instructions,
    progress: Progress,
) -> tuple[dict[Target, Content], dict[Target, EdgeBenchError]]:
    """The content for each target, with what it can hold of the preprocessing and the labels.

    Precisions of one format whose passes came to the same are converted together.
    """
    together: dict[tuple[str, tuple[str, ...]], list[Target]] = {}
    for target, form in forms.items():
        together.setdefault((target.format, form.passes), []).append(target)
    contents: dict[Target, Content] = {}
    failed: dict[Target, EdgeBenchError] = {}
    groups = list(together.values())
    for group in groups:
        graph = forms[group[0]].graph
        try:
            contents |= _convert_together(group, graph, data, instructions, progress)
        except EdgeBenchError as error:
            if len(group) == 1:
                failed[group[0]] = error
            else:  # Then each by itself, to know which of them it was.
                groups += [[target] for target in group]
    return contents, failed


def _convert_together(
    group: Sequence[Target],
    graph: OnnxGraph,
    data: examples.ExampleSet,
    instructions: Instructions,
    progress: Progress,
) -> dict[Target, Content]:
    backend = targets.backend(group[0].format)
    precisions = [target.precision for target in group]
    files = backend.convert(graph, precisions, data.calibration, instructions, progress)
    return {
        target: backend.describe(
            graph, files[target.precision], instructions.preprocessing, instructions.labels
        )
        for target in group
    }


def _item(
    request: ExportRequest,
    target: Target,
    form: Formed,
    content: Content,
    proven: _Proven,
    fingerprint: str,
    instructions: Instructions,
    progress: Progress,
) -> Item:
    """Prove one target's content and write its manifest. Raises `ParityError`."""
    source, data = proven.source, proven.data
    backend = targets.backend(target.format)
    converted = backend.open_converted(form.graph, content)
    hop = parity.check(
        f"onnx->{target}",
        proven.expected,
        [converted.run(sample) for sample in data.held_out],
        proven.trial,
        partial(_difference, _pipeline(request, target), source.graph, form, backend, content),
    )
    here = native.measure(
        target,
        backend,
        form.graph,
        content,
        proven.expected,
        proven.trial,
        hop,
        instructions.note,
    )
    calibration = None
    if target.needs_calibration:
        calibration = Calibration(data.source, len(data.calibration), data.sha256)
    path = request.path(target)
    entry, beside = _evaluated(target, path, converted, proven.evaluation, progress)
    manifest = Manifest(
        model=request.name,
        baseline=source.baseline,
        format=target.format,
        precision=target.precision,
        file=path.name,
        sha256=digest(content),
        size_bytes=size_bytes(content),
        weights=source.weights,
        weights_sha256=source.weights_sha256,
        inputs=converted.inputs,
        outputs=converted.outputs,
        preprocessing=source.preprocessing,
        labels=source.labels,
        parameters=source.parameters,
        madds=source.madds,
        hops=(*proven.hops, hop),
        native=here,
        calibration=calibration,
        evaluation=entry,
        maker=requests.maker(target),
        tools=requests.tools(target),
        command=request.command,
        fingerprint=fingerprint,
        ablation=request.ablation,
        operations=operations.count(target, form.graph, content),
        passes=form.passes,
    )
    return Item(content, Artifact(path, manifest), beside)


def _difference(
    pipeline: Pipeline,
    graph: OnnxGraph,
    form: Formed,
    backend: Backend[Any],
    content: Content,
    sample: Sample,
    snr_db: float,
) -> str:
    """A clause that names the pass, or else the layer of the converted form, that differs."""
    blamed = first_wrong_pass(graph, pipeline, sample)
    if blamed:
        return f"the pass {blamed} changes what the graph computes"
    return backend.first_difference(form.graph, content, sample, snr_db)


def _evaluated(
    target: Target,
    path: Path,
    converted: Converted,
    files: EvaluationFiles | None,
    progress: Progress,
) -> tuple[Evaluation | None, dict[str, bytes]]:
    """The manifest's entry on evaluation, and the artifact's own outputs where they are due.

    Where a run can take the outputs from the device itself they are not taken here.
    """
    if files is None:
        return None, {}
    if FORMATS[target.format].measured_here:
        return files.entry, {}
    name = f"{path.name}.outputs.npz"
    content = evaluation.own_outputs(converted, files, partial(progress, f"evaluate {target}"))
    entry = replace(files.entry, outputs=name, outputs_sha256=hashlib.sha256(content).hexdigest())
    return entry, {name: content}
