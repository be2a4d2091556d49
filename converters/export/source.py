"""Where an export starts: a model of the zoo in torch, or a user's ONNX file, as one thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from edgebench import tasks
from edgebench.converters import postprocess
from edgebench.converters.artifact import PLAIN_PIXELS, Preprocessing
from edgebench.converters.export.request import RAW, ExportRequest, read_labels
from edgebench.converters.onnx import best_class
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.graph import read as read_graph
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.postprocess import Detector
from edgebench.errors import UsageError
from edgebench.models.backbones.heads.meaning import HeadMeaning, meaning_of, pixels
from edgebench.models.data import imagefolder, scenes
from edgebench.models.data.datasets import BUILT_IN, open_data
from edgebench.models.kinds import SEGMENTATION
from edgebench.models.spec import ModelSpec
from edgebench.progress import Progress
from edgebench.tasks.task import ModelOutput, Signature

PLAINLY_FED = "no --mean and --std were given: images were fed as pixels in 0..1"

_UNTRAINED = "has untrained weights"
_ABLATED = "lacks a part of the network that its weights were made for"
_LATENCY_ONLY = "it is good for latency, and no accuracy or drift is claimed for it"

# Samples of batch 1 that torch computes at once.
_BATCH = 32

# Runs samples of batch 1 through the trained model itself.
Torch = Callable[[Sequence[Sample]], list[list[Array]]]


@dataclass(frozen=True)
class Source:
    """The graph that all targets start from, and what the manifest says of where it came from.

    `torch` runs the model that the graph was made from; None for a user's ONNX file. `meaning` is
    what a model of the zoo says of its outputs, and `detector` the post-processing that its files
    get.
    """

    graph: OnnxGraph
    baseline: str
    weights: Literal["trained", "untrained", "unknown"]
    weights_sha256: str
    preprocessing: Preprocessing | None
    labels: tuple[str, ...] | None
    parameters: int | None
    madds: int | None
    torch: Torch | None
    notes: tuple[str, ...] = ()
    meaning: HeadMeaning | None = None
    detector: Detector | None = None


def open_source(request: ExportRequest, progress: Progress) -> Source:
    """Build or read what the request names.

    Raises `InvalidFileError`, `UsageError`, `UnsupportedModelError`.
    """
    spec = request.spec
    if spec is not None:
        return _from_zoo(request, spec, progress)
    if request.file is not None:
        return _from_file(request, request.file)
    return _from_module(request, progress)


def _from_file(request: ExportRequest, path: Path) -> Source:
    return _users(request, read_graph(path, request.input_shapes))


def _from_module(request: ExportRequest, progress: Progress) -> Source:
    from edgebench.converters.export.user_module import open_module, runs, talking_aside
    from edgebench.converters.one_thread import one_thread
    from edgebench.converters.onnx.torch_export import module_to_onnx

    progress("build the model", 0, 0)
    with one_thread(), talking_aside():
        opened = open_module(request)
        progress("torch to ONNX", 0, 0)
        graph = module_to_onnx(opened.module, request.name, opened.inputs, opened.shapes)
    return replace(
        _users(request, graph),
        parameters=sum(weights.numel() for weights in opened.module.parameters()),
        torch=runs(opened, [port.name for port in graph.inputs]),
    )


def _users(request: ExportRequest, graph: OnnxGraph) -> Source:
    """What is known of a user's model by its graph alone."""
    preprocessing, notes = _of_pictures(request)
    return Source(
        graph=graph,
        baseline=graph.name,
        weights="unknown",
        weights_sha256=graph.sha256,
        preprocessing=preprocessing,
        labels=read_labels(request.labels) if request.labels else None,
        parameters=None,
        madds=None,
        torch=None,
        notes=notes,
    )


def _of_pictures(request: ExportRequest) -> tuple[Preprocessing | None, tuple[str, ...]]:
    """How pictures become the input of a user's model, and what to know of it."""
    if request.mean is not None and request.std is not None:
        return Preprocessing(request.mean, request.std), ()
    if request.evaluation_source is not None and open_data(request.evaluation_source).pictures:
        return PLAIN_PIXELS, (PLAINLY_FED,)
    return None, ()


def _from_zoo(request: ExportRequest, spec: ModelSpec, progress: Progress) -> Source:
    import torch

    from edgebench.converters.one_thread import one_thread
    from edgebench.converters.onnx.torch_export import INPUT, to_onnx
    from edgebench.models.build import build

    progress("build the model", 0, 0)
    with one_thread():
        model = build(spec, request.weights)
        progress("torch to ONNX", 0, 0)
        graph = to_onnx(model)

    def run(samples: Sequence[Sample]) -> list[list[Array]]:
        outputs: list[list[Array]] = []
        with torch.no_grad(), one_thread():
            for start in range(0, len(samples), _BATCH):
                images = [sample[INPUT] for sample in samples[start : start + _BATCH]]
                made = model.module(torch.from_numpy(np.concatenate(images)))
                every = [one.numpy() for one in (made if isinstance(made, tuple) else (made,))]
                outputs += [[one[i : i + 1] for one in every] for i in range(len(images))]
        return outputs

    raw = RAW if request.raw_outputs else ""
    graph = replace(graph, name=graph.name + raw)  # Its reference is another.
    meaning, detector = meaning_of(spec), None
    compute: Torch = run
    if meaning is not None and not request.raw_outputs:
        if spec.task == SEGMENTATION:
            graph, compute = best_class.chosen(graph), best_class.of_pixels(run)
            meaning = HeadMeaning(spec.task, best_class.words(spec.num_classes))
        else:
            meaning = HeadMeaning(spec.task, {**meaning.words, **request.outputs})
            detector = _detector(graph, spec, meaning)
    preprocessing, labels = _data(spec)
    if request.mean is not None and request.std is not None:
        preprocessing = Preprocessing(request.mean, request.std)
    return Source(
        graph=graph,
        baseline=spec.baseline + raw,
        weights="trained" if model.trained else "untrained",
        weights_sha256=model.weights_sha256,
        preprocessing=preprocessing,
        labels=read_labels(request.labels) if request.labels else labels,
        parameters=spec.parameters,
        madds=spec.madds,
        torch=compute,
        notes=() if model.trained else (_latency_only(spec),),
        meaning=meaning,
        detector=detector,
    )


def _detector(graph: OnnxGraph, spec: ModelSpec, meaning: HeadMeaning) -> Detector:
    """Raises `UsageError` where outputs are to be read otherwise than post-processings do."""
    ports = tuple(ModelOutput(port.name, port.shape) for port in graph.outputs)
    signature = Signature(ports, (spec.input_size, spec.input_size))
    found = postprocess.of(tasks.get(meaning.task).assign(signature, meaning.words))
    if found is None:
        raise UsageError(
            f"no format has a post-processing for {spec.name} with these --outputs",
            "add --raw-outputs to export the raw head",
        )
    return found


def _latency_only(spec: ModelSpec) -> str:
    """Why the weights of a model say nothing of its accuracy."""
    reason = _UNTRAINED if spec.without is None else _ABLATED
    return f"{spec.name} {reason}: {_LATENCY_ONLY}"


def _data(spec: ModelSpec) -> tuple[Preprocessing, tuple[str, ...] | None]:
    """What the data of a zoo model says of its pixels and classes."""
    if spec.data not in BUILT_IN:  # ImageNet, COCO and VOC, which no extra brings.
        return Preprocessing(*(pixels(spec) or (imagefolder.MEAN, imagefolder.STD))), None
    data = open_data(spec.data)
    return Preprocessing(data.mean, data.std), scenes.NAMES[spec.task]
