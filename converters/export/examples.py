"""The inputs that set the ranges of a quantised model, and others that prove what was made.

Both come from one source, and no input is in both: an agreement measured on what set the ranges
would flatter. Sources are data sets, a folder of images or of .npz files, and `random`, image-like
noise for untrained weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgebench.converters.artifact import PLAIN_PIXELS, Preprocessing
from edgebench.converters.export import calibration_checks
from edgebench.converters.export.calibration import IN_FILE, NONE, RANDOM, calibration_folder
from edgebench.converters.export.evaluation import EvaluationSubject, samples_of
from edgebench.converters.export.images import frame_of, image_port
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.export.source import PLAINLY_FED
from edgebench.converters.mapped import Mapped
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Array, Sample, noise
from edgebench.converters.ranges import Range
from edgebench.errors import DataError
from edgebench.models.data import datasets, pictures
from edgebench.models.data.arrays import Arrays
from edgebench.models.data.class_folders import ImageFolder
from edgebench.models.data.dataset import DataSet, Examples
from edgebench.models.data.parts import spread

# Fewer than this leave the ranges to chance; more than this change them hardly at all.
MINIMUM = 8
CALIBRATED_ON = 128
PROVED_ON = 256
TUNED_ON = 16
_TUNING_PART = 5
_ENOUGH = 16
"""With fewer left to calibrate, none are set apart to tune."""
_PROVED_ON_OWN = 64
_RANDOM_CALIBRATION, _RANDOM_PROOF = 16, 8
_FEWEST_PROVED_ON, _OUTPUT_BYTES = 4, 64_000_000


@dataclass(frozen=True)
class ExampleSet:
    """Inputs by ONNX name, in ONNX's order of axes, batch axis included, already normalised.

    Images become inputs when they are asked for. `calibration` sets ranges, `tuning` decides
    between ways to choose them, and `held_out` is for proof. `meaningful` says whether they are
    what the model is meant for; noise is not.
    """

    calibration: Sequence[Sample]
    held_out: Sequence[Sample]
    source: str
    sha256: str
    meaningful: bool
    notes: tuple[str, ...] = ()
    tuning: Sequence[Sample] = ()


def load(
    request: ExportRequest,
    graph: OnnxGraph,
    preprocessing: Preprocessing | None,
    evaluated: EvaluationSubject | None,
) -> ExampleSet:
    """Read or make the examples; what is evaluated also proves, and calibrates nothing.

    Raises `DataError` where they are too few, cannot be read, do not fit the inputs, or hold no
    range.
    """
    found = _load(request, graph, preprocessing, evaluated)
    if not found.meaningful or not _calibrates(request):
        return found
    calibration_checks.check(found.calibration, found.source)
    judged = evaluated.data.source if evaluated else "what is held out of it"
    unlike = calibration_checks.unlike(found.calibration, found.held_out, found.source, judged)
    return replace(_with_tuning(found), notes=(*found.notes, *unlike))


def _with_tuning(found: ExampleSet) -> ExampleSet:
    """Some of the calibration data, from all through it, set apart to tune if there is enough."""
    samples = found.calibration
    apart = set(spread(len(samples), min(TUNED_ON, len(samples) // _TUNING_PART)))
    if len(samples) - len(apart) < _ENOUGH:
        return found
    rest = [place for place in range(len(samples)) if place not in apart]
    kept = Mapped(rest, samples.__getitem__)
    made = _set(kept, found.held_out, found.source, found.meaningful)
    tuning = Mapped(sorted(apart), samples.__getitem__)
    return replace(made, notes=found.notes, tuning=tuning)


def _load(
    request: ExportRequest,
    graph: OnnxGraph,
    preprocessing: Preprocessing | None,
    evaluated: EvaluationSubject | None,
) -> ExampleSet:
    source = request.calibration_source
    if source == NONE and evaluated is not None:
        proof = _proving(evaluated, graph)
        return _set((), proof, evaluated.data.source, True)
    if source in (RANDOM, NONE, IN_FILE):
        return _random(graph, source)
    if datasets.is_named(source):
        return _of_data_set(request, graph, preprocessing, evaluated)
    folder = calibration_folder(source)
    data = _own_folder(folder)
    count = (CALIBRATED_ON + _PROVED_ON_OWN) * _at_once(data, graph)
    found = data.calibration(count, frame_of(graph, data, request.resize), None, alone=True)
    kept, notes = _apart(found, evaluated, data.source)
    samples = samples_of(kept, data, graph, preprocessing or PLAIN_PIXELS)
    notes = (*pictures.left_out(found.left_out, data.source), *notes)
    if data.pictures and not preprocessing:
        notes = (*notes, PLAINLY_FED)
    if evaluated is None:
        _require(len(samples), data.source, MINIMUM if _calibrates(request) else 2)
        return replace(_parted(samples, data.source, graph), notes=notes)
    _require(len(samples), data.source, MINIMUM if _calibrates(request) else 1)
    made = _set(samples, _proving(evaluated, graph), data.source, True)
    return replace(made, notes=notes)


def _parted(samples: Sequence[Sample], name: str, graph: OnnxGraph) -> ExampleSet:
    """Samples of which some, from all through them, prove: each class has its share of both."""
    proof = min(_PROVED_ON_OWN, _fitting(graph), max(2, len(samples) // 4))
    held = {i * len(samples) // proof for i in range(proof)}
    return _set(
        Mapped([i for i in range(len(samples)) if i not in held], samples.__getitem__),
        Mapped(sorted(held), samples.__getitem__),
        name,
        True,
    )


def _calibrates(request: ExportRequest) -> bool:
    return any(target.needs_calibration for target in request.targets)


def _require(count: int, name: str, least: int) -> None:
    if count < least:
        raise DataError(
            f"{name} holds {count} calibration samples; at least {least} are needed",
            "add more of what the model will see; 100 to 200 are good",
        )


def _fitting(graph: OnnxGraph) -> int:
    """How many samples' outputs may be held in memory at once."""
    each = sum(4 * int(np.prod(port.shape)) for port in graph.outputs)
    return max(_FEWEST_PROVED_ON, _OUTPUT_BYTES // max(1, each))


def _proving(evaluated: EvaluationSubject, graph: OnnxGraph) -> Sequence[Sample]:
    samples = evaluated.samples
    count = min(PROVED_ON, _fitting(graph), len(samples))
    return Mapped(spread(len(samples), count), samples.__getitem__)


def _at_once(data: DataSet, graph: OnnxGraph) -> int:
    """How many examples fill the inputs: a batch of pictures, or one row of arrays."""
    return image_port(graph).shape[0] if data.pictures else 1


def _apart(
    found: Examples, evaluated: EvaluationSubject | None, name: str
) -> tuple[Examples, tuple[str, ...]]:
    """The examples without those that are evaluated too, and a sentence on these."""
    if evaluated is None:
        return found, ()
    measured = set(_digests(evaluated.examples))
    keep = [i for i, digest in enumerate(_digests(found)) if digest not in measured]
    if len(keep) == len(found):
        return found, ()
    both = len(found) - len(keep)
    what = "examples" if found.rows else "images"
    kept = (
        replace(found, rows=[found.rows[i] for i in keep])
        if found.rows
        else replace(found, images=found.images[keep])
    )
    return kept, (f"{both} {what} of {name} do not calibrate, because they are evaluated",)


def _digests(examples: Examples) -> list[bytes]:
    """A hash of each example's content."""
    if not examples.rows:
        return [hashlib.sha256(image.tobytes()).digest() for image in examples.images]
    contents = (
        b"".join(name.encode() + row[name].tobytes() for name in sorted(row))
        for row in examples.rows
    )
    return [hashlib.sha256(content).digest() for content in contents]


def _set(
    calibration: Sequence[Sample], held_out: Sequence[Sample], source: str, meaningful: bool
) -> ExampleSet:
    digest = hashlib.sha256()
    for sample in calibration:
        for name in sorted(sample):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(sample[name]).tobytes())
    return ExampleSet(calibration, held_out, source, digest.hexdigest(), meaningful)


def _of_data_set(
    request: ExportRequest,
    graph: OnnxGraph,
    preprocessing: Preprocessing | None,
    evaluated: EvaluationSubject | None,
) -> ExampleSet:
    data = datasets.open_data(request.calibration_source)
    resize = request.resize or (evaluated.data.resize if evaluated else None)
    frame, at_once = frame_of(graph, data, resize), _at_once(data, graph)
    alone = evaluated is not None and not request.shares_data
    task = evaluated.task.task if evaluated else request.task
    train = data.calibration(CALIBRATED_ON * at_once, frame, task, alone)
    kept, notes = _apart(train, evaluated, data.source)
    if data.pictures and not preprocessing:
        notes = (*notes, PLAINLY_FED)
    fed = preprocessing or PLAIN_PIXELS
    samples = samples_of(kept, data, graph, fed)
    proof: Sequence[Sample]
    if evaluated is not None:
        proof, source = _proving(evaluated, graph), evaluated.data.source
    else:
        count = min(PROVED_ON, _fitting(graph)) * at_once
        test = data.evaluation(count, frame, task, False)
        proof, source = samples_of(test, data, graph, fed), data.source
    least = MINIMUM if _calibrates(request) else 1
    if len(samples) < least or len(proof) < min(least, _fitting(graph)):
        raise DataError(
            f"{data.source} has {len(samples)} samples to calibrate with, and {source} "
            f"{len(proof)} to prove with; {least} of each are needed",
            "add more of what the model will see; some hundreds are good",
        )
    found = _set(samples, proof, data.source, True)
    return replace(found, notes=(*pictures.left_out(train.left_out, data.source), *notes))


def _random(graph: OnnxGraph, source: str) -> ExampleSet:
    """Noise, which says nothing of a model; with ranges in the file it sets none of them."""
    count = 0 if source == NONE else _RANDOM_CALIBRATION
    made = [
        {name: _within(array, graph.ranges.get(name)) for name, array in sample.items()}
        for sample in (noise(graph.model, seed) for seed in range(count + _RANDOM_PROOF))
    ]
    name = IN_FILE if source == IN_FILE else "image-like noise (untrained weights)"
    return _set(made[:count], made[count:], name, False)


def _within(array: Array, span: Range | None) -> Array:
    """Noise brought into the range of an input, if it has one."""
    if span is None or array.dtype.kind != "f" or not array.max() > array.min():
        return array
    share = (array - array.min()) / (array.max() - array.min())
    return np.asarray(span[0] + share * (span[1] - span[0]), array.dtype)


def _own_folder(folder: Path) -> DataSet:
    """A folder of arrays if it holds any, otherwise of images."""
    return Arrays(folder) if any(folder.glob("*.npz")) else ImageFolder(folder)
