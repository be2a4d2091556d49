"""One model to several targets: converted together, proved, and only then written.

    zoo:   torch -> ONNX -> simplified ONNX -> each target
    file:           ONNX -> simplified ONNX -> each target

Every hop is compared with its own source before anything is written, and what is written replaces
what stood there all at once: a failed export leaves all as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import documents
from edgebench.content import Content, digest, size_bytes, write_content
from edgebench.converters import request as requests
from edgebench.converters import targets
from edgebench.converters.artifact import Artifact, Calibration, Hop, Manifest, manifest_path
from edgebench.converters.backend import Instructions
from edgebench.converters.request import ExportRequest
from edgebench.converters.targets import Target
from edgebench.converters.workers import Failure, Pool
from edgebench.errors import EdgeBenchError
from edgebench.progress import Progress, silent

if TYPE_CHECKING:
    from edgebench.converters.evaluation import EvaluationFiles
    from edgebench.converters.onnx_graph import OnnxGraph
    from edgebench.converters.reference import Sample
    from edgebench.converters.source import Source

_LAST_STEP = "write"


@dataclass(frozen=True)
class Export:
    """The artifacts of one request, in the order of its targets.

    `made` are the keys of those that this export made; the others were up to date. `notes` are
    sentences that the user ought to read.
    """

    artifacts: tuple[Artifact, ...]
    made: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def finished(request: ExportRequest) -> Export | None:
    """The export, if all of it is up to date. Imports no framework. Raises as `export` does."""
    requests.check(request)
    for target in request.targets:
        targets.require(target)
    found = [requests.up_to_date(request, target) for target in request.targets]
    artifacts = tuple(artifact for artifact in found if artifact is not None)
    return Export(artifacts) if len(artifacts) == len(found) else None


def export(request: ExportRequest, progress: Progress = silent) -> Export:
    """Make what is not up to date and write it.

    Raises `UsageError`, `MissingExtraError`, `InvalidFileError`, `DataError`,
    `UnsupportedModelError`, `ParityError` and `UnwritableError`; nothing has changed then.
    """
    done = finished(request)
    if done is not None:
        return done
    found = {target: requests.up_to_date(request, target) for target in request.targets}
    todo = [target for target, artifact in found.items() if artifact is None]
    made = _make(request, todo, progress)
    progress(_LAST_STEP, 0, 0)
    _write(made)
    new = {target: item.artifact for target, item in zip(todo, made.items, strict=True)}
    return Export(
        artifacts=tuple(found[target] or new[target] for target in request.targets),
        made=tuple(item.artifact.key for item in made.items),
        notes=made.notes,
    )


def export_many(
    requests_: Sequence[ExportRequest], jobs: int, progress: Progress = silent
) -> tuple[Export, ...]:
    """`export` each request, `jobs` at once in processes of their own.

    All that can be exported is, before the first failure is raised: as itself if there was one
    request, otherwise as an `EdgeBenchError` that names what failed and why.
    """
    done = {i: export_ for i, r in enumerate(requests_) if (export_ := finished(r)) is not None}
    todo = [i for i in range(len(requests_)) if i not in done]
    if len(todo) == 1:
        done[todo[0]] = export(requests_[todo[0]], progress)
    elif todo:
        done |= _in_processes(todo, requests_, jobs, progress)
    return tuple(done[i] for i in range(len(requests_)))


def _in_processes(
    todo: Sequence[int], requests_: Sequence[ExportRequest], jobs: int, progress: Progress
) -> dict[int, Export]:
    names = [requests_[i].name for i in todo]
    ended: set[int] = set()

    def report(number: int, step: str) -> None:
        if step == _LAST_STEP:
            ended.add(number)
        progress(f"{names[number]}: {step}", len(ended), len(todo))

    results = Pool(export, jobs).run([requests_[i] for i in todo], report)
    failed = {
        name: result
        for name, result in zip(names, results, strict=True)
        if isinstance(result, Failure)
    }
    if failed:
        reasons = "; ".join(f"{name}: {failure.message}" for name, failure in failed.items())
        remedies = dict.fromkeys(f.remedy for f in failed.values() if f.remedy)
        raise EdgeBenchError(
            f"{len(failed)} of {len(todo)} models were not exported: {reasons}",
            "; ".join(remedies),
        )
    return {
        i: result
        for i, result in zip(todo, results, strict=True)
        if not isinstance(result, Failure)
    }


@dataclass(frozen=True)
class _Item:
    content: Content
    artifact: Artifact


@dataclass(frozen=True)
class _Made:
    """What is to be written: artifacts in the order asked for, and evaluation files by path."""

    items: tuple[_Item, ...]
    beside: Mapping[Path, bytes]
    notes: tuple[str, ...]


def _make(request: ExportRequest, todo: Sequence[Target], progress: Progress) -> _Made:
    """Convert and prove. Writes nothing."""
    from edgebench.converters import examples, operations, parity, reference
    from edgebench.converters.source import open_source

    # Taken before the work, for the files may change while it lasts.
    fingerprints = {target: requests.fingerprint(request, target) for target in todo}
    source = open_source(request, progress)
    graph = source.graph
    progress("read the examples", 0, 0)
    data = examples.load(request.calibration_source, graph, source.preprocessing)
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
    notes: list[str] = []
    instructions = Instructions(
        source.preprocessing, source.labels, request.ios, request.image_input, notes.append
    )
    contents = _convert(graph, todo, data.calibration, instructions, progress)
    evaluation = _evaluation(request, source)
    items = []
    for done, target in enumerate(todo):
        progress(f"prove {target}", done, len(todo))
        backend, content = targets.backend(target.format), contents[target]
        converted = backend.open_converted(graph, content)
        hop = parity.check(
            f"onnx->{target}",
            expected,
            [converted.run(sample) for sample in data.held_out],
            trial,
            partial(backend.first_difference, graph, content),
        )
        calibration = None
        if target.needs_calibration:
            calibration = Calibration(data.source, len(data.calibration), data.sha256)
        path = request.path(target)
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
            hops=(*hops, hop),
            calibration=calibration,
            evaluation=evaluation.entry if evaluation else None,
            tools=requests.tools(target),
            command=request.command,
            fingerprint=fingerprints[target],
            ablation=request.ablation,
            operations=operations.count(target, graph, content),
        )
        items.append(_Item(content, Artifact(path, manifest)))
    beside = evaluation.contents if evaluation else {}
    return _Made(
        items=tuple(items),
        beside={request.out / name: content for name, content in beside.items()},
        notes=(*graph.notes, *source.notes, *notes),
    )


def _evaluation(request: ExportRequest, source: Source) -> EvaluationFiles | None:
    """The evaluation files of a zoo model; a user's file has none, and needs no torch."""
    if request.spec is None:
        return None
    from edgebench.converters.evaluation import evaluate

    return evaluate(request.spec, source)


def _convert(
    graph: OnnxGraph,
    todo: Sequence[Target],
    calibration: Sequence[Sample],
    instructions: Instructions,
    progress: Progress,
) -> dict[Target, Content]:
    """The content for each target, with what it can hold of the preprocessing and the labels."""
    contents: dict[Target, Content] = {}
    for format_name in dict.fromkeys(target.format for target in todo):
        backend = targets.backend(format_name)
        wanted = {t.precision: t for t in todo if t.format == format_name}
        files = backend.convert(graph, list(wanted), calibration, instructions, progress)
        for precision, target in wanted.items():
            contents[target] = backend.describe(
                graph, files[precision], instructions.preprocessing, instructions.labels
            )
    return contents


def _write(made: _Made) -> None:
    """Put all files and folders in place, or none. Raises `UnwritableError`.

    All of them are on disk under temporary names before the first takes its place; they take
    theirs before the manifests that describe them.
    """
    with ExitStack() as stack:
        for item in made.items:
            path = manifest_path(item.artifact.path)
            text = documents.dump(item.artifact.manifest)
            stack.enter_context(documents.replacing(path)).write_text(text)
        contents = {item.artifact.path: item.content for item in made.items} | dict(made.beside)
        for path, content in contents.items():
            write_content(stack.enter_context(documents.replacing(path)), content)
