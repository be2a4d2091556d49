"""The Core ML artifact: our lowering's package in the MIL evaluator, on a Mac in Core ML."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgebench.content import Content
from edgebench.converters.artifact import Preprocessing, TensorSpec
from edgebench.converters.backend import Instructions
from edgebench.converters.coreml import package, suppression
from edgebench.converters.coreml.convert import convert_all
from edgebench.converters.coreml.evaluator import pipeline, program
from edgebench.converters.coreml.evaluator.package import read
from edgebench.converters.coreml.evaluator.ports import Port
from edgebench.converters.coreml.evaluator.specification import specification_of
from edgebench.converters.coreml.evaluator.values import file_values
from edgebench.converters.coreml.feeding import feed
from edgebench.converters.coreml.image import ImageInput
from edgebench.converters.coreml.lower import value_names
from edgebench.converters.coreml.metadata import image_of
from edgebench.converters.file_value import Value
from edgebench.converters.lowering.shapes import static_shapes
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.onnx.suppression import CONFIDENCE, COORDINATES
from edgebench.converters.postprocess import Detector
from edgebench.progress import Progress

# What a manifest calls the type of an input that takes an image as it is.
IMAGE = "image"

# What makes the outputs of each sample.
Run = Callable[[Iterable[Mapping[str, Array]]], Iterator[Mapping[str, Any]]]


@dataclass(frozen=True)
class Converted:
    """A package in the MIL evaluator; on a Mac, in Core ML itself."""

    graph: OnnxGraph
    image: ImageInput | None
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    compute: Run

    def run(self, sample: Sample) -> list[Array]:
        (outputs,) = self.run_all([sample])
        return outputs

    def run_all(self, samples: Iterable[Sample]) -> Iterator[list[Array]]:
        fed = (feed(self.graph, self.image, sample) for sample in samples)
        return map(self._as_onnx, self.compute(fed))

    def _as_onnx(self, made: Mapping[str, Any]) -> list[Array]:
        if COORDINATES in made:
            boxes, likely = (made[name] for name in (COORDINATES, CONFIDENCE))
            return suppression.as_arrays(boxes, likely)
        return [
            np.reshape(made[spec.name], port.shape).astype(port.dtype)
            for spec, port in zip(self.outputs, self.graph.outputs, strict=True)
        ]


def convert(
    graph: OnnxGraph,
    precisions: Sequence[str],
    calibration: Sequence[Sample],
    instructions: Instructions,
    progress: Progress,
) -> Mapping[str, Content]:
    return convert_all(graph, precisions, calibration, instructions, progress)


def describe(
    graph: OnnxGraph,
    content: Content,
    preprocessing: Preprocessing | None,
    labels: Sequence[str] | None,
) -> Content:
    """The content as it is: a program was made with all of it inside. A pipeline lacks labels."""
    with package.on_disk(content) as path:
        piped = specification_of(path).WhichOneof("Type") == "pipeline"
    return suppression.labelled(content, labels) if piped else content


def open_converted(graph: OnnxGraph, content: Content, exact: bool = True) -> Converted:
    with package.on_disk(content) as path:
        piped = pipeline.load(path)
        opened = piped or program.load(path)
        image = image_of(specification_of(path).description, graph)
        compute: Run = _core_ml(path, opened) if sys.platform == "darwin" else opened.run_all
    if piped is not None:
        (given,), (port,) = graph.inputs, piped.inputs
        specs = tuple(
            TensorSpec(one.name, tuple(one.shape), one.dtype.name, tuple(range(len(one.shape))))
            for one in graph.outputs
        )
        return Converted(graph, image, (_spec(given.name, port),), specs, compute)
    names = value_names(graph.model)
    known = {port.name: port for port in (*opened.inputs, *opened.outputs)}
    return Converted(
        graph,
        image,
        tuple(_spec(port.name, known[names[port.name]]) for port in graph.inputs),
        tuple(_spec(port.name, known[names[port.name]]) for port in graph.outputs),
        compute,
    )


def with_detector(graph: OnnxGraph, content: Content, detector: Detector) -> Content:
    return suppression.behind(graph, content, detector, value_names(graph.model))


def values(
    graph: OnnxGraph, content: Content, samples: Iterable[Sample]
) -> Iterator[dict[str, Value]]:
    """The evaluator's, on a Mac too: Core ML shows none but its outputs."""
    with package.on_disk(content) as path:
        opened = program.load(path)
        image = image_of(read(path).description, graph)
    names = value_names(graph.model)
    numbered = {
        output: f"{names[node.output[0]]}_{i}"
        for node in graph.model.graph.node
        if len(node.output) > 1
        for i, output in enumerate(node.output)
    }
    shapes = {
        names[name]: shape
        for name, (shape, _) in static_shapes(graph.model).items()
        if name in names
    }
    for sample in samples:
        found = file_values(opened, feed(graph, image, sample), shapes)
        if image is not None:
            # An image that lacks the division by its spread is in units of its own.
            fed = names[image.name]
            normalised = found.pop(image.as_value(fed), None)
            found.pop(fed, None)
            if normalised is not None:
                found[fed] = normalised
        both = ((name, (numbered.get(name), key)) for name, key in names.items())
        yield {name: found[key] for name, keys in both for key in keys if key in found}
        del found


def _spec(onnx_name: str, port: Port) -> TensorSpec:
    shape = tuple(extent or 1 for extent in port.shape)
    dtype = port.dtype if port.image is None else IMAGE
    axes = tuple(range(len(shape)))
    renamed = None if port.name == onnx_name else onnx_name
    return TensorSpec(port.name, shape, dtype, axes, onnx=renamed)


def _core_ml(path: Any, opened: program.Program | pipeline.DetectorPipeline) -> Run:
    """Core ML on a Mac. Images have whole pixels there, in 8 bits."""
    from PIL import Image

    from edgebench.converters.coreml.mil import ct

    model = ct.models.MLModel(str(path), compute_units=ct.ComputeUnit.CPU_ONLY)
    ports = {port.name: port for port in opened.inputs}

    def given(name: str, array: Array) -> Any:
        if ports[name].image is None:
            return array.astype(ports[name].dtype)
        pixels = np.clip(np.rint(array[0]), 0, 255).astype(np.uint8)
        return Image.fromarray(pixels.transpose(1, 2, 0).squeeze())

    def run(fed: Mapping[str, Array]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = model.predict({k: given(k, array) for k, array in fed.items()})
        return found

    return lambda samples: map(run, samples)
