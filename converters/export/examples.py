"""The inputs that set the ranges of a quantised model, and others that prove what was made.

Both come from one source, and no input is in both: an agreement measured on what set the ranges
would flatter. Sources are the built-in digit `scenes`, a folder of images, a folder of .npz files
(for models whose inputs are not one image), and `random`, image-like noise for untrained weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgebench.converters.artifact import PLAIN_PIXELS, Preprocessing
from edgebench.converters.export.calibration import NONE, RANDOM, calibration_folder
from edgebench.converters.export.evaluation import EvaluationSubject
from edgebench.converters.export.images import ImageSamples, frame_of, image_port
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.export.source import PLAINLY_FED
from edgebench.converters.onnx.graph import OnnxGraph, TensorInfo
from edgebench.converters.onnx.reference import Array, Sample, noise
from edgebench.errors import DataError
from edgebench.models.data import datasets, pictures
from edgebench.models.data.class_folders import ImageFolder
from edgebench.models.data.dataset import Examples
from edgebench.models.data.images import Pixels
from edgebench.models.data.parts import spread
from edgebench.models.data.pictures import Resize

# Fewer than this leave the ranges to chance; more than this change them hardly at all.
MINIMUM = 8
CALIBRATED_ON = 128
PROVED_ON = 256
_PROVED_ON_OWN = 64
_RANDOM_CALIBRATION, _RANDOM_PROOF = 16, 8
_FEWEST_PROVED_ON, _OUTPUT_BYTES = 4, 64_000_000


@dataclass(frozen=True)
class ExampleSet:
    """Inputs by ONNX name, in ONNX's order of axes, batch axis included, already normalised.

    Images become inputs when they are asked for. `calibration` sets ranges, `held_out` is for
    proof. `meaningful` says whether they are what the model is meant for; noise is not.
    """

    calibration: Sequence[Sample]
    held_out: Sequence[Sample]
    source: str
    sha256: str
    meaningful: bool
    notes: tuple[str, ...] = ()


def load(
    request: ExportRequest,
    graph: OnnxGraph,
    preprocessing: Preprocessing | None,
    evaluated: EvaluationSubject | None,
) -> ExampleSet:
    """Read or make the examples; what is evaluated also proves, and calibrates nothing.

    Raises `DataError` where they are too few, cannot be read, or do not fit the inputs.
    """
    source = request.calibration_source
    plainly = () if preprocessing else (PLAINLY_FED,)
    if source == NONE and evaluated is not None:
        proof = _proving(evaluated, graph)
        return _set((), proof, evaluated.data.source, True)
    if source in (RANDOM, NONE):
        return _random(graph, source)
    if datasets.is_named(source):
        found = _of_data_set(request, graph, preprocessing or PLAIN_PIXELS, evaluated)
        return replace(found, notes=(*found.notes, *plainly))
    folder = calibration_folder(source)
    name = f"folder {folder.name}"
    arrays = _arrays(folder, graph)
    if arrays:
        return _parted(arrays, name, graph)
    images = _images(folder, graph, request.resize)
    kept, notes = _apart(images, evaluated, name)
    samples = ImageSamples(kept, image_port(graph), preprocessing or PLAIN_PIXELS)
    notes = (*pictures.left_out(images.left_out, name), *notes, *plainly)
    if evaluated is None:
        return replace(_parted(samples, name, graph), notes=notes)
    _require(len(samples), name)
    found = _set(samples, _proving(evaluated, graph), name, True)
    return replace(found, notes=notes)


def _parted(samples: Sequence[Sample], name: str, graph: OnnxGraph) -> ExampleSet:
    """Samples of which some, at even distances, prove: each class has its share of both."""
    _require(len(samples), name)
    proof = min(_PROVED_ON_OWN, _fitting(graph), max(2, len(samples) // 4))
    held = {i * len(samples) // proof for i in range(proof)}
    return _set(
        [sample for i, sample in enumerate(samples) if i not in held],
        [sample for i, sample in enumerate(samples) if i in held],
        name,
        True,
    )


def _require(count: int, name: str) -> None:
    if count < MINIMUM:
        raise DataError(
            f"{name} holds {count} calibration samples; at least {MINIMUM} are needed",
            "add more of what the model will see; 100 to 200 are good",
        )


def _fitting(graph: OnnxGraph) -> int:
    """How many samples' outputs may be held in memory at once."""
    each = sum(4 * int(np.prod(port.shape)) for port in graph.outputs)
    return max(_FEWEST_PROVED_ON, _OUTPUT_BYTES // max(1, each))


def _proving(evaluated: EvaluationSubject, graph: OnnxGraph) -> Sequence[Sample]:
    samples = evaluated.samples
    count = min(PROVED_ON, _fitting(graph), len(samples))
    return [samples[i] for i in spread(len(samples), count)]


def _apart(
    found: Examples, evaluated: EvaluationSubject | None, name: str
) -> tuple[Pixels, tuple[str, ...]]:
    """The images without those that are evaluated too, and a sentence on these."""
    if evaluated is None:
        return found.images, ()
    measured = {_digest(image) for image in evaluated.examples.images}
    keep = [i for i, image in enumerate(found.images) if _digest(image) not in measured]
    if len(keep) == len(found):
        return found.images, ()
    both = len(found) - len(keep)
    return found.images[keep], (
        f"{both} images of {name} do not calibrate, because they are evaluated",
    )


def _digest(image: Pixels) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()


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
    preprocessing: Preprocessing,
    evaluated: EvaluationSubject | None,
) -> ExampleSet:
    data = datasets.open_data(request.calibration_source)
    resize = request.resize or (evaluated.data.resize if evaluated else data.resize)
    frame, port = frame_of(graph, resize), image_port(graph)
    alone = evaluated is not None and not request.shares_data
    task = evaluated.task.task if evaluated else request.task
    train = data.calibration(CALIBRATED_ON * port.shape[0], frame, task, alone)
    kept, notes = _apart(train, evaluated, data.source)
    samples = ImageSamples(kept, port, preprocessing)
    if evaluated is not None:
        proof, source = _proving(evaluated, graph), evaluated.data.source
    else:
        count = min(PROVED_ON, _fitting(graph)) * port.shape[0]
        test = data.evaluation(count, frame, task, False)
        proof, source = ImageSamples(test.images, port, preprocessing), data.source
    if len(samples) < MINIMUM or len(proof) < min(MINIMUM, _fitting(graph)):
        raise DataError(
            f"{data.source} has {len(samples)} samples to calibrate with, and {source} "
            f"{len(proof)} to prove with; {MINIMUM} of each are needed",
            "add more of what the model will see; some hundreds are good",
        )
    found = _set(samples, proof, data.source, True)
    return replace(found, notes=(*pictures.left_out(train.left_out, data.source), *notes))


def _random(graph: OnnxGraph, source: str) -> ExampleSet:
    count = _RANDOM_CALIBRATION if source == RANDOM else 0
    made = [noise(graph.model, seed) for seed in range(count + _RANDOM_PROOF)]
    return _set(made[:count], made[count:], "image-like noise (untrained weights)", False)


def _arrays(folder: Path, graph: OnnxGraph) -> list[Sample]:
    """The samples of a folder of .npz files, one file a sample."""
    files = sorted(folder.glob("*.npz"))[: CALIBRATED_ON + _PROVED_ON_OWN]
    return [_array_sample(path, graph.inputs) for path in files]


def _array_sample(path: Path, ports: Sequence[TensorInfo]) -> Sample:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in file.files}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise DataError(f"cannot read {path}: {error}", "write it with numpy.savez") from error
    sample: dict[str, Array] = {}
    for port in ports:
        found = arrays.get(port.name)
        if found is None or found.shape != port.shape:
            have = f"{found.shape}" if found is not None else "nothing"
            raise DataError(
                f"{path} has {have} for the input '{port.name}', which takes {port.shape}",
                f"write it with numpy.savez(path, {', '.join(p.name for p in ports)}=...)",
            )
        sample[port.name] = found.astype(port.dtype)
    return sample


def _images(folder: Path, graph: OnnxGraph, resize: Resize | None) -> Examples:
    data = ImageFolder(folder)
    count = image_port(graph).shape[0] * (CALIBRATED_ON + _PROVED_ON_OWN)
    return data.calibration(count, frame_of(graph, resize or data.resize), None, alone=True)
