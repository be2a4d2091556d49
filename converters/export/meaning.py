"""What the outputs of a model mean: what the user says, the model itself, or the only that fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgebench import tasks
from edgebench.converters.export.images import image_axes
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.export.source import Source
from edgebench.converters.onnx.graph import TensorInfo
from edgebench.errors import DataError, UsageError
from edgebench.models.data.dataset import DataSet
from edgebench.tasks.table import TASKS
from edgebench.tasks.task import Assignment, ModelOutput, Signature


def assigned(request: ExportRequest, source: Source, data: DataSet | None) -> Assignment | None:
    """How the outputs are read; None where neither the user, nor the model or the data says it.

    Without a task it is the only one that the data has labels for and the outputs fit. Raises
    `UsageError` where the outputs do not fit or fit several, and `UnknownNameError` for names that
    do not exist.
    """
    own = source.meaning
    if request.task is not None and (own is None or own.task != request.task):
        return _assign(request.task, source, data, request.outputs)
    if own is not None:
        return _assign(own.task, source, data, {**own.words, **request.outputs})
    if data is None:
        return None
    fitting, misfits = _fitting(data.tasks, source, data, request.outputs)
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and len(misfits) == 1:
        raise misfits[0]
    others, _ = _fitting(TASKS, source, data, {})
    names = ", ".join(one.task for one in fitting or others)
    raise UsageError(
        f"{data.source} has labels for {' and '.join(data.tasks)}, and the outputs of "
        f"{source.graph.name} fit {'both' if fitting else 'neither'}",
        f"name the task with --task (fitting: {names}), and the outputs with --outputs",
    )


def compared(
    request: ExportRequest, source: Source, evaluated: Assignment | None
) -> Assignment | None:
    """How outputs are read where two models are compared: as they are evaluated, if they are.

    Without a word as the outputs alone say; None where they do not. Raises as `assigned` does.
    """
    if evaluated is not None or request.task is not None or source.meaning is not None:
        return evaluated or assigned(request, source, None)
    signature = _signature(source, None, None)
    evident = (name for name in TASKS if tasks.get(name).evident(signature))
    name = next(evident, None)
    return None if name is None else _assign(name, source, None, {})


def check_labels(data: DataSet, assignment: Assignment) -> None:
    """Raise `DataError` for a data set without labels for a task that needs them."""
    task = tasks.get(assignment.task)
    if task.figures and task.name not in data.tasks:
        raise DataError(
            f"{data.source} has labels for {' and '.join(data.tasks)}, not for {task.name}",
            f"give other data, or --task {' or '.join((*data.tasks, 'none'))}",
        )


def _fitting(
    names: Iterable[str], source: Source, data: DataSet, words: Mapping[str, str]
) -> tuple[list[Assignment], list[UsageError]]:
    fitting, misfits = [], []
    for name in names:
        try:
            fitting.append(_assign(name, source, data, words))
        except UsageError as error:
            misfits.append(error)
    return fitting, misfits


def _assign(
    name: str, source: Source, data: DataSet | None, words: Mapping[str, str]
) -> Assignment:
    """Where no labels say how many classes there are, those of the data may."""
    task = tasks.get(name)
    if source.labels is None and data is not None and data.class_names is not None:
        try:
            return task.assign(_signature(source, data, len(data.class_names)), words)
        except UsageError:  # The model may have more classes than the data.
            pass
    known = len(source.labels) if source.labels else None
    return task.assign(_signature(source, data, known), words)


def _signature(source: Source, data: DataSet | None, classes: int | None) -> Signature:
    """Where the inputs are arrays, an example fills all of them, whatever their axes mean."""
    graph = source.graph
    batch = 1
    if len(graph.inputs) == 1 and graph.inputs[0].shape and (data is None or data.pictures):
        batch = graph.inputs[0].shape[0]
    sizes = [size for size in map(_image_size, graph.inputs) if size is not None]
    image = sizes[0] if len(sizes) == 1 else None
    outputs = (ModelOutput(one.name, one.shape, str(one.dtype)) for one in graph.outputs)
    return Signature(tuple(outputs), image, classes, batch)


def _image_size(port: TensorInfo) -> tuple[int, int] | None:
    """Height and width of an input that takes images; None for another."""
    try:
        _, height, width = image_axes(port)
    except DataError:
        return None
    return height, width
