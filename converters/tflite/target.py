"""The TFLite artifact: our lowering's file, opened in LiteRT, in terms of the ONNX graph."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgebench.converters.artifact import Preprocessing, TensorSpec
from edgebench.converters.backend import Instructions
from edgebench.converters.file_value import Value
from edgebench.converters.onnx.graph import OnnxGraph, TensorInfo
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.postprocess import Detector
from edgebench.converters.tflite import inspect, layout, suppression
from edgebench.converters.tflite.convert import convert_all
from edgebench.converters.tflite.metadata import with_metadata
from edgebench.converters.tflite.ports import image_ports
from edgebench.converters.tflite.values import file_values
from edgebench.progress import Progress


@dataclass(frozen=True)
class Converted:
    """A .tflite file in LiteRT's interpreter."""

    interpreter: Any
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def run(self, sample: Sample) -> list[Array]:
        details = self.interpreter.get_input_details()
        for spec, detail in zip(self.inputs, details, strict=True):
            value = np.transpose(sample[spec.name], spec.axes)
            self.interpreter.set_tensor(detail["index"], _stored(value, spec))
        inspect.invoke(self.interpreter)
        results = []
        for spec, detail in zip(self.outputs, self.interpreter.get_output_details(), strict=True):
            value = _real(self.interpreter.get_tensor(detail["index"]), spec)
            results.append(np.transpose(value, np.argsort(spec.axes)))
        return results

    def run_all(self, samples: Iterable[Sample]) -> Iterator[list[Array]]:
        return map(self.run, samples)


def convert(
    graph: OnnxGraph,
    precisions: Sequence[str],
    calibration: Sequence[Sample],
    instructions: Instructions,
    progress: Progress,
) -> Mapping[str, bytes]:
    nodes, own = graph.float_nodes, graph.ranges
    return convert_all(graph.model, precisions, calibration, progress, nodes, own)


def describe(
    graph: OnnxGraph,
    content: bytes,
    preprocessing: Preprocessing | None,
    labels: Sequence[str] | None,
) -> bytes:
    found = open_converted(graph, content, exact=False)
    return with_metadata(content, graph.name, found.inputs, found.outputs, preprocessing, labels)


def open_converted(graph: OnnxGraph, content: bytes, exact: bool = True) -> Converted:
    """LiteRT's own kernels compute what the file defines; a device uses XNNPACK's instead."""
    found = inspect.summary(content)
    images = image_ports(graph.model)
    options = inspect.without_delegates() if exact else {}
    return Converted(
        inspect.interpreter(content, num_threads=1, **options),
        _specs(graph.inputs, found.inputs, images),
        _specs(graph.outputs, found.outputs, images),
    )


def with_detector(graph: OnnxGraph, content: bytes, detector: Detector) -> bytes:
    return suppression.behind(content, detector, [port.name for port in graph.outputs])


def values(
    graph: OnnxGraph, content: bytes, samples: Iterable[Sample]
) -> Iterable[dict[str, Value]]:
    return file_values(graph.model, content, samples)


def _specs(
    ports: Sequence[TensorInfo], found: Sequence[inspect.Tensor], images: Collection[str]
) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            port.name,
            tensor.shape,
            tensor.dtype,
            layout.boundary(len(port.shape), port.name in images),
            tensor.quantization,
        )
        for port, tensor in zip(ports, found, strict=True)
    )


def _stored(value: Array, spec: TensorSpec) -> Array:
    """Real numbers as the file wants them."""
    dtype = np.dtype(spec.dtype)
    if spec.quantization is None:
        return np.asarray(value.astype(dtype), order="C")  # keeps a scalar a scalar
    limits = np.iinfo(dtype)
    steps = np.round(value / spec.quantization.scale) + spec.quantization.zero_point
    return np.clip(steps, limits.min, limits.max).astype(dtype)


def _real(value: Array, spec: TensorSpec) -> Array:
    if spec.quantization is None:
        return value
    steps = value.astype(np.float32) - spec.quantization.zero_point
    return steps * np.float32(spec.quantization.scale)
