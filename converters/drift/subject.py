"""What a drift chain starts from: the source, the images that it is followed over, and the task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgebench import tasks
from edgebench.converters.artifact import Preprocessing
from edgebench.converters.drift.difference import Meaning
from edgebench.converters.export import evaluation, examples, meaning
from edgebench.converters.export.examples import ExampleSet
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.export.source import Source, open_source
from edgebench.converters.mapped import Mapped
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Sample
from edgebench.errors import DataError
from edgebench.models.data.images import Pixels
from edgebench.models.data.pictures import left_out
from edgebench.progress import Progress

TORCH, FILE = "torch", "onnx file"


@dataclass(frozen=True)
class DriftSubject:
    """The graph, the samples that are compared, and how its outputs are read.

    `origin` names the source model, and `source` the data. `data` sets the ranges. `unit` is what
    agreement counts, '' where it says nothing. `model` runs the source itself, and `pictures` are
    the samples as people see them, (images, height, width, 3), None where inputs are no pictures;
    both stay in this process.
    """

    graph: OnnxGraph
    samples: Sequence[Sample]
    read: Meaning
    data: ExampleSet
    source: str
    origin: str
    unit: str
    meaningful: bool
    preprocessing: Preprocessing | None
    labels: Sequence[str] | None
    notes: tuple[str, ...]
    model: Source | None
    pictures: Pixels | None

    def portable(self) -> DriftSubject:
        """Without what cannot leave this process."""
        return replace(self, model=None, pictures=None)


def open_subject(request: ExportRequest, images: int, progress: Progress) -> DriftSubject:
    """Open the source and read the data. Raises an `EdgeBenchError`."""
    source = open_source(request, progress)
    progress("read the examples", 0, 0)
    evaluated = evaluation.subject(request, source)
    data = examples.load(request, source.graph, source.preprocessing, evaluated)
    task = meaning.compared(request, source, None if evaluated is None else evaluated.task)
    meaningful = data.meaningful and source.weights != "untrained"
    every = data.held_out if evaluated is None else evaluated.samples
    samples = Mapped(range(min(images, len(every))), every.__getitem__)
    if not len(samples):
        raise DataError(f"{data.source} holds nothing to compare on", "give more with --data")
    names = [port.name for port in source.graph.outputs]
    read = Meaning(
        names,
        task if meaningful else None,
        evaluated.truth if evaluated else None,
        source.labels or (evaluated.class_names() if evaluated else None),
    )
    notes = [*source.graph.notes, *source.notes, *data.notes]
    if evaluated is not None:
        notes += left_out(evaluated.examples.left_out, evaluated.data.source)
    return DriftSubject(
        graph=source.graph,
        samples=samples,
        read=read,
        data=data,
        source=data.source if evaluated is None else evaluated.data.source,
        origin=FILE if source.torch is None else TORCH,
        unit=tasks.get(task.task).criterion.unit if task and meaningful else "",
        meaningful=meaningful,
        preprocessing=source.preprocessing,
        labels=source.labels,
        notes=tuple(notes),
        model=source,
        pictures=evaluated.examples.images if evaluated and evaluated.data.pictures else None,
    )
