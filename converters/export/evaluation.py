"""The files beside an artifact that measure its accuracy and drift anywhere, without torch.

The inputs are shared by all models of a data set; the reference holds what is kept of the outputs
of the source model itself, so that drift is measured from where it starts. Outputs are reduced
image by image, for those of a segmenter would not fit into memory.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgebench import tasks
from edgebench.converters.artifact import (
    IMAGES,
    PLAIN_PIXELS,
    Evaluation,
    Preprocessing,
    stored_name,
)
from edgebench.converters.backend import Converted
from edgebench.converters.export.arrays import ArraySamples
from edgebench.converters.export.images import ImageSamples, frame_of, image_port
from edgebench.converters.export.meaning import assigned, check_labels
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.export.source import Source
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph, TensorInfo
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.errors import DataError
from edgebench.models.data import datasets
from edgebench.models.data.dataset import DataSet, Examples
from edgebench.models.data.pictures import left_out
from edgebench.tasks.reduction import reduce
from edgebench.tasks.task import Assignment, Score, Truth

EVALUATED = 500
"""Of so many inputs an artifact's own outputs are taken; of more it would take minutes."""

_BYTES_AT_ONCE = 64_000_000


@dataclass(frozen=True)
class EvaluationSubject:
    """What a model is evaluated on, and what its outputs mean."""

    name: str
    data: DataSet
    task: Assignment
    examples: Examples
    samples: ImageSamples | ArraySamples
    truth: Truth | None

    def class_names(self) -> tuple[str, ...] | None:
        """The data's names of the model's classes; None where they are numbers, or not of all.

        Raises `DataError` where the classes of the two do not fit.
        """
        names = tuple(self.examples.class_names)
        if not names or all(name.isdecimal() for name in names):
            return None
        if self.examples.numbered is None:
            return names
        classes = tasks.get(self.task.task).classes(self.task)
        numbers = datasets.model_classes(names, self.data.source, classes, None)
        if sorted(numbers) != list(range(len(names))):
            return None
        return tuple(names[numbers.index(one)] for one in range(len(names)))


@dataclass(frozen=True)
class EvaluationFiles:
    """The manifest's entry, the content of the files that it names, and how to feed the inputs.

    `outputs` are the names of the model's outputs, in order, and `ports` its inputs. The inputs
    are in the content alone, compressed, for they may be large and the conversion needs the memory.
    `class_names` are the data's, where the model has none of its own.
    """

    entry: Evaluation
    outputs: Sequence[str]
    contents: Mapping[str, bytes]
    ports: tuple[TensorInfo, ...]
    preprocessing: Preprocessing
    notes: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None

    def samples(self) -> Sequence[Sample]:
        """The inputs."""
        with np.load(io.BytesIO(self.contents[self.entry.inputs])) as inputs:
            if not self.entry.arrays:
                return ImageSamples(inputs[IMAGES], self.ports[0], self.preprocessing)
            stored = {name: inputs[stored_name(name)] for name in self.entry.arrays}
        rows = [
            {name: array[row] for name, array in stored.items()}
            for row in range(self.entry.samples)
        ]
        return ArraySamples(rows, self.ports, self.entry.data)


def samples_of(
    examples: Examples, data: DataSet, graph: OnnxGraph, preprocessing: Preprocessing
) -> ImageSamples | ArraySamples:
    """Examples as inputs of a graph. Raises `DataError` where they do not fit."""
    if data.pictures:
        return ImageSamples(examples.images, image_port(graph), preprocessing)
    return ArraySamples(examples.rows, graph.inputs, data.source)


def subject(request: ExportRequest, source: Source) -> EvaluationSubject | None:
    """Read what the source is to be evaluated on; None where nothing is, or it is untrained.

    Raises `DataError` for data that cannot be read or does not fit the model, and what
    `meaning.assigned` raises.
    """
    name = request.evaluation_source
    data = None if name is None else datasets.open_data(name)
    if source.weights == "untrained":
        return None
    task = assigned(request, source, data)
    if task is None or data is None or name is None:
        return None
    check_labels(data, task)
    graph = source.graph
    frame = frame_of(graph, data, request.resize)
    if data.pictures and image_port(graph).shape[0] != 1:
        port = image_port(graph)
        raise DataError(
            f"the input '{port.name}' takes {port.shape[0]} images at once",
            "accuracy is measured one image at a time: export the model with a batch of 1",
        )
    examples = data.evaluation(data.measures, frame, task.task, not request.shares_data)
    return EvaluationSubject(
        name=name.partition(":")[0],
        data=data,
        task=task,
        examples=examples,
        samples=samples_of(examples, data, graph, source.preprocessing or PLAIN_PIXELS),
        truth=_truth(examples, data, task, source.labels),
    )


def _truth(
    examples: Examples, data: DataSet, assignment: Assignment, labels: Sequence[str] | None
) -> Truth | None:
    """The labels in the model's numbers; None where the task has no use for them."""
    task = tasks.get(assignment.task)
    if not task.figures:
        return None
    arrays = dict(examples.labels)
    if not arrays:
        raise DataError(
            f"{data.source} has no class folders, so that no answer is known to be right",
            "put the images of each class into a folder named for it",
        )
    if examples.numbered is not None:
        classes = task.classes(assignment)
        numbers = datasets.model_classes(examples.class_names, data.source, classes, labels)
        arrays[examples.numbered] = np.array(numbers, np.int64)[arrays[examples.numbered]]
    return task.truth(arrays)


def evaluate(subject: EvaluationSubject, source: Source) -> EvaluationFiles:
    """Run the source on all inputs. Raises `DataError` where outputs and labels do not fit."""
    names = [port.name for port in source.graph.outputs]
    count = len(subject.samples)
    outputs = _reduced(subject.task, names, source_outputs(source, subject.samples), count)
    labels = {} if subject.truth is None else subject.truth.arrays()
    inputs = _npz(**subject.samples.stored(), **labels)
    beside = _npz(**outputs)
    sha256 = hashlib.sha256(inputs).hexdigest()
    inputs_name = f"{subject.name}.{sha256[:12]}.evaluation.npz"
    outputs_sha256 = hashlib.sha256(beside).hexdigest()
    # Named for what it holds, as the inputs are: an export with other images leaves it as it is.
    reference_name = f"{source.graph.name}.{outputs_sha256[:12]}.reference.npz"
    entry = Evaluation(
        task=subject.task,
        inputs=inputs_name,
        inputs_sha256=sha256,
        reference=reference_name,
        reference_sha256=outputs_sha256,
        samples=count,
        data=subject.data.source,
        arrays=() if subject.data.pictures else tuple(port.name for port in source.graph.inputs),
    )
    notes = (*left_out(subject.examples.left_out, subject.data.source), *_score(subject, outputs))
    contents = {inputs_name: inputs, reference_name: beside}
    fed = source.preprocessing or PLAIN_PIXELS
    classes = subject.class_names() if source.labels is None else None
    return EvaluationFiles(entry, names, contents, source.graph.inputs, fed, notes, classes)


def _score(subject: EvaluationSubject, outputs: Mapping[str, Array]) -> tuple[str, ...]:
    """A sentence on how right the source is: wrong words or labels show at once."""
    task = tasks.get(subject.task.task)
    tally = task.tally(subject.task)
    if tally is None or subject.truth is None:
        return ()
    tally.add(outputs, subject.truth)
    score: Score | None = tally.score()
    if score is None:
        return (f"{subject.data.source} holds nothing to find",)
    figures = ", ".join(
        f"{column.heading} {100 * score.figures[column.id].value:.1f} {column.unit}".rstrip()
        for column in task.figures
        if column.id in score.figures
    )
    what = "images" if subject.data.pictures else "examples"
    return (f"the source model on {score.images} {what} of {subject.data.source}: {figures}",)


def source_outputs(source: Source, samples: Sequence[Sample]) -> Iterator[Sequence[Array]]:
    """What the model itself computes, in parts that fit into memory."""
    if source.torch is None:
        yield from reference.stream(source.graph.model, samples)
        return
    held = sum(4 * int(np.prod(port.shape)) for port in source.graph.outputs)
    at_once = max(1, _BYTES_AT_ONCE // max(1, held))
    for start in range(0, len(samples), at_once):
        yield from source.torch(samples[start : start + at_once])


def own_outputs(
    converted: Converted, files: EvaluationFiles, progress: Callable[[int, int], None]
) -> bytes:
    """The outputs of an artifact for the first `EVALUATED` inputs, as the .npz of the manifest."""
    samples = files.samples()
    count = min(EVALUATED, len(samples))

    def outputs() -> Iterator[Sequence[Array]]:
        for done, made in enumerate(converted.run_all(samples[i] for i in range(count))):
            progress(done, count)
            yield made

    return _npz(**_reduced(files.entry.task, files.outputs, outputs(), count))


def _reduced(
    task: Assignment, names: Sequence[str], outputs: Iterable[Sequence[Array]], count: int
) -> dict[str, Array]:
    """What is kept of the outputs of `count` images, by role: (count, ...)."""
    kept: dict[str, Array] = {
        one.role: np.empty((count, *one.reduction.shape), one.reduction.dtype)
        for one in task.outputs
    }
    for image, made in enumerate(outputs):
        by_name = dict(zip(names, made, strict=True))
        for one in task.outputs:
            (kept[one.role][image],) = reduce(one.reduction, one.output, by_name)
    return kept


def _npz(**arrays: Array) -> bytes:
    """A compressed .npz; the same arrays make the same bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
