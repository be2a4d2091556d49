"""The ONNX artifact: the simplified graph itself, written as it was proved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx
import onnxruntime

from edgebench.converters import reference
from edgebench.converters.artifact import Preprocessing, TensorSpec
from edgebench.converters.backend import Instructions
from edgebench.converters.onnx_graph import OnnxGraph, TensorInfo
from edgebench.converters.reference import Array, Sample
from edgebench.progress import Progress


@dataclass(frozen=True)
class Converted:
    """An ONNX file in ONNX Runtime."""

    session: onnxruntime.InferenceSession
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def run(self, sample: Sample) -> list[Array]:
        return list(self.session.run(None, dict(sample)))


def convert(
    graph: OnnxGraph,
    precisions: Sequence[str],
    calibration: Sequence[Sample],
    instructions: Instructions,
    progress: Progress,
) -> Mapping[str, bytes]:
    return {name: graph.model.SerializeToString(deterministic=True) for name in precisions}


def describe(
    graph: OnnxGraph,
    content: bytes,
    preprocessing: Preprocessing | None,
    labels: Sequence[str] | None,
) -> bytes:
    """Put them into the model's metadata properties, as comma- and newline-separated text."""
    model: onnx.ModelProto = onnx.ModelProto.FromString(content)
    properties: dict[str, str] = {}
    if preprocessing:
        properties["mean"] = ",".join(map(str, preprocessing.mean))
        properties["std"] = ",".join(map(str, preprocessing.std))
    if labels:
        properties["labels"] = "\n".join(labels)
    onnx.helper.set_model_props(model, properties)
    written: bytes = model.SerializeToString(deterministic=True)
    return written


def open_converted(graph: OnnxGraph, content: bytes) -> Converted:
    model = onnx.ModelProto.FromString(content)
    return Converted(reference.session(model), _specs(graph.inputs), _specs(graph.outputs))


def first_difference(graph: OnnxGraph, content: bytes, sample: Sample, snr_db: float) -> str:
    return "the file is not the graph that was proved"


def _specs(ports: Sequence[TensorInfo]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(port.name, port.shape, port.dtype.name, tuple(range(len(port.shape))))
        for port in ports
    )
