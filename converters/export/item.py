"""One target's content, proved and measured, with its manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edgebench.content import Content, digest, size_bytes
from edgebench.converters import targets
from edgebench.converters.analysis import operations
from edgebench.converters.artifact import Artifact, Calibration, Evaluation, Manifest
from edgebench.converters.backend import Converted, Instructions
from edgebench.converters.export import cost, detector, native, proof
from edgebench.converters.export import request as requests
from edgebench.converters.export.evaluation import EvaluationFiles, own_outputs
from edgebench.converters.export.proven import Proven
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.export.trial import ChosenRanges
from edgebench.converters.passes.pipelines import Formed
from edgebench.converters.targets import FORMATS, Target
from edgebench.progress import Progress


@dataclass(frozen=True)
class Item:
    """One artifact, its content, and the content of the files that it has to itself beside it."""

    content: Content
    artifact: Artifact
    beside: Mapping[str, bytes]


def prove_item(
    request: ExportRequest,
    target: Target,
    form: Formed,
    content: Content,
    ranges: ChosenRanges,
    proven: Proven,
    fingerprint: str,
    instructions: Instructions,
    progress: Progress,
) -> Item:
    """Prove one target's content, measure what it costs, and write its manifest.

    The last hop of `proven` is that of the format in float32. Raises `ParityError` and
    `AgreementError`.
    """
    source, data = proven.source, proven.data
    backend = targets.backend(target.format)
    opened = proof.open_for_proof(target.format, form.graph, content)
    hop = proven.hops[-1]
    if target.precision != proof.FLOAT32:
        hop = proof.lower_precision(
            target, form.graph, backend, content, opened, proven.expected, proven.trial
        )
        proven = replace(proven, hops=(*proven.hops, hop))
    unit = proven.trial.unit
    required = request.require_agreement
    cost.check(required, target, hop, unit)
    for sentence in cost.warnings(
        source.graph.name, target, hop, unit, proven.trial.meaningful, required
    ):
        instructions.note(sentence)
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
        calibration = Calibration(
            data.source, len(data.calibration), data.sha256, ranges.method, ranges.tried
        )
    path, post_processing = request.path(target), None
    if source.detector is not None:
        content, opened, post_processing = detector.put_behind(
            target,
            form.graph,
            content,
            opened,
            source.detector,
            proven.trial.samples,
            instructions,
        )
    evaluation, beside = _evaluated(target, path, opened, proven.evaluation, progress)
    manifest = Manifest(
        model=request.name,
        baseline=source.baseline,
        format=target.format,
        precision=target.precision,
        mix=target.mix,
        file=path.name,
        sha256=digest(content),
        size_bytes=size_bytes(content),
        weights=source.weights,
        weights_sha256=source.weights_sha256,
        inputs=opened.inputs,
        outputs=opened.outputs,
        preprocessing=source.preprocessing,
        labels=source.labels or (proven.evaluation.class_names if proven.evaluation else None),
        parameters=source.parameters,
        madds=source.madds,
        hops=proven.hops,
        native=here,
        calibration=calibration,
        evaluation=evaluation,
        maker=requests.maker(target),
        tools=requests.tools(target),
        command=request.command,
        fingerprint=fingerprint,
        ablation=request.ablation,
        operations=operations.count(target, form.graph, content),
        passes=form.passes,
        post_processing=post_processing,
    )
    return Item(content, Artifact(path, manifest), beside)


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
    content = own_outputs(converted, files, partial(progress, f"evaluate {target}"))
    entry = replace(files.entry, outputs=name, outputs_sha256=hashlib.sha256(content).hexdigest())
    return entry, {name: content}
