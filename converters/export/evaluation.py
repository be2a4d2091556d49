"""The files beside an artifact that measure its accuracy and drift anywhere, without torch.

The inputs are shared by all models of a data set; the reference holds the outputs of the source
model itself, so that drift is measured from where it starts.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgebench import tasks
from edgebench.converters.artifact import PLAIN_PIXELS, Evaluation
from edgebench.converters.backend import Converted
from edgebench.converters.export.examples import batches, image_axes, image_port, left_out
from edgebench.converters.export.source import Source
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.errors import DataError
from edgebench.models.data import datasets
from edgebench.tasks.reduction import reduce
from edgebench.tasks.task import Assignment, ModelOutput, Signature

EVALUATED = 500
"""Of so many inputs an artifact's own outputs are taken; of more it would take minutes."""


@dataclass(frozen=True)
class EvaluationFiles:
    """The manifest's entry, the content of the files that it names, and the inputs to feed.

    `outputs` are the names of the model's outputs, in order.
    """

    entry: Evaluation
    outputs: Sequence[str]
    contents: Mapping[str, bytes]
    samples: Sequence[Sample]
    notes: tuple[str, ...] = ()


def evaluate(data: str, source: Source) -> EvaluationFiles | None:
    """Make both files for a classifier of images; None where its outputs say nothing of classes.

    Raises `DataError` for data that cannot be read, or whose classes are not the model's.
    """
    if source.weights == "untrained":
        return None
    if not source.is_classifier:
        raise DataError(
            f"{source.graph.name} has outputs that are no scores of classes, one for each image, "
            "so that its accuracy cannot be measured",
            "leave out --data, and calibrate with --calibration",
        )
    found = datasets.open_data(data)
    port = image_port(source.graph)
    axis, height, width = image_axes(port)
    if axis != 1 or port.shape[0] != 1:
        raise DataError(
            f"the input '{port.name}' {port.shape} is not (1, channels, height, width)",
            "accuracy is measured on inputs in this layout, one image at a time",
        )
    test = found.evaluation(found.measures, height, width)
    classes = source.graph.outputs[0].shape[1]
    labels = datasets.model_classes(test, found.source, classes, source.labels)
    task = _assigned(source, (height, width))
    samples = batches(test.images, port, source.preprocessing or PLAIN_PIXELS)
    if source.torch is not None:
        outputs = source.torch(samples)
    else:
        outputs = reference.run(source.graph.model, samples)
    names = [port.name for port in source.graph.outputs]
    inputs = _npz(images=test.images, labels=labels)
    beside = _npz(**_reduced(task, names, outputs))
    sha256 = hashlib.sha256(inputs).hexdigest()
    inputs_name = f"{data.partition(':')[0]}.{sha256[:12]}.evaluation.npz"
    reference_name = f"{source.graph.name}.reference.npz"
    entry = Evaluation(
        task=task,
        inputs=inputs_name,
        inputs_sha256=sha256,
        reference=reference_name,
        reference_sha256=hashlib.sha256(beside).hexdigest(),
        samples=len(test),
        data=found.source,
    )
    notes = left_out(test, found.source)
    return EvaluationFiles(
        entry, names, {inputs_name: inputs, reference_name: beside}, samples, notes
    )


def own_outputs(
    converted: Converted, files: EvaluationFiles, progress: Callable[[int, int], None]
) -> bytes:
    """The outputs of an artifact for the first `EVALUATED` inputs, as the .npz of the manifest."""
    samples = files.samples[:EVALUATED]

    def outputs() -> Iterator[Sequence[Array]]:
        for done, sample in enumerate(samples):
            progress(done, len(samples))
            yield converted.run(sample)

    return _npz(**_reduced(files.entry.task, files.outputs, outputs()))


def _assigned(source: Source, image: tuple[int, int]) -> Assignment:
    outputs = [ModelOutput(one.name, one.shape, str(one.dtype)) for one in source.graph.outputs]
    classes = len(source.labels) if source.labels else None
    return tasks.get("classification").assign(Signature(tuple(outputs), image, classes), {})


def _reduced(
    task: Assignment, names: Sequence[str], outputs: Iterable[Sequence[Array]]
) -> dict[str, Array]:
    """What is kept of the outputs, image by image, by role: (images, ...)."""
    kept: dict[str, list[Array]] = {one.role: [] for one in task.outputs}
    for image in outputs:
        by_name = dict(zip(names, image, strict=True))
        for one in task.outputs:
            kept[one.role].append(reduce(one.reduction, one.output, by_name))
    return {role: np.concatenate(arrays) for role, arrays in kept.items()}


def _npz(**arrays: Array) -> bytes:
    """A compressed .npz; the same arrays make the same bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
