"""The files beside an artifact that measure its accuracy and drift anywhere, without torch.

The inputs are shared by all models of a data set; the reference holds the outputs of the trained
model itself, so that drift is measured from where it starts.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.converters.artifact import Evaluation, Preprocessing
from edgebench.converters.backend import Converted
from edgebench.converters.export.calibration import SCENES
from edgebench.converters.export.source import Source
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.onnx.torch_export import INPUT
from edgebench.models.data import scenes
from edgebench.models.data.images import normalise
from edgebench.models.spec import ModelSpec

INPUTS_NAME = "scenes.evaluation.npz"

EVALUATED = 500
"""So many inputs tell an accuracy to two points or so, and evaluating more takes minutes."""


@dataclass(frozen=True)
class EvaluationFiles:
    """The manifest's entry, the content of the files that it names, and the inputs to feed."""

    entry: Evaluation
    contents: Mapping[str, bytes]
    samples: Sequence[Sample]


def evaluate(spec: ModelSpec, source: Source) -> EvaluationFiles | None:
    """Make both files for a trained model of the digit scenes; None for any other."""
    if spec.data != SCENES or source.weights != "trained":
        return None
    if source.torch is None or source.preprocessing is None:
        return None
    test = scenes.evaluation(size=source.graph.inputs[0].shape[-1])
    mean, std = _three(source.preprocessing)
    floats = normalise(test.images, mean, std)
    samples = [{INPUT: image[None]} for image in floats]
    outputs = source.torch(samples)
    logits = np.concatenate([output[0] for output in outputs]).astype(np.float32)
    inputs = _npz(images=test.images, labels=test.labels)
    reference = _npz(logits=logits)
    reference_name = f"{source.graph.name}.reference.npz"
    entry = Evaluation(
        inputs=INPUTS_NAME,
        inputs_sha256=hashlib.sha256(inputs).hexdigest(),
        reference=reference_name,
        reference_sha256=hashlib.sha256(reference).hexdigest(),
        samples=len(test),
    )
    return EvaluationFiles(entry, {INPUTS_NAME: inputs, reference_name: reference}, samples)


def own_outputs(
    converted: Converted, files: EvaluationFiles, progress: Callable[[int, int], None]
) -> bytes:
    """The outputs of an artifact for the first `EVALUATED` inputs, as the .npz of the manifest."""
    samples = files.samples[:EVALUATED]
    rows = []
    for done, sample in enumerate(samples):
        progress(done, len(samples))
        rows.append(converted.run(sample)[0])
    return _npz(logits=np.concatenate(rows).astype(np.float32))


def _three(
    preprocessing: Preprocessing,
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    mean, std = preprocessing.mean, preprocessing.std
    return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])


def _npz(**arrays: Array) -> bytes:
    """A compressed .npz; the same arrays make the same bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
