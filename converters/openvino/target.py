"""The OpenVINO artifact: a folder with network and weights, opened on OpenVINO's CPU plugin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.converters import ranges
from edgebench.converters.artifact import Preprocessing, TensorSpec
from edgebench.converters.backend import Instructions
from edgebench.converters.file_value import Value
from edgebench.converters.onnx.graph import OnnxGraph, TensorInfo
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.openvino import execution, metadata, suppression
from edgebench.converters.openvino.convert import quantise, to_model
from edgebench.converters.openvino.session import (
    exactly,
    from_folder,
    input_names,
    on_cpu,
    openvino,
    to_folder,
)
from edgebench.converters.openvino.values import file_values
from edgebench.converters.postprocess import Detector
from edgebench.progress import Progress


@dataclass(frozen=True)
class Converted:
    """An OpenVINO model on the CPU plugin."""

    request: openvino.InferRequest
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def run(self, sample: Sample) -> list[Array]:
        feed = [np.asarray(sample[spec.name], order="C") for spec in self.inputs]
        return [np.array(value) for value in self.request.infer(feed).to_tuple()]

    def run_all(self, samples: Iterable[Sample]) -> Iterator[list[Array]]:
        return map(self.run, samples)


def convert(
    graph: OnnxGraph,
    precisions: Sequence[str],
    calibration: Sequence[Sample],
    instructions: Instructions,
    progress: Progress,
) -> Mapping[str, Mapping[str, bytes]]:
    made = {}
    for number, name in enumerate(precisions):
        progress(f"OpenVINO in {name}", number, len(precisions))
        precision, method = ranges.parted(name)
        if precision in ("int8", "int8r"):
            model = quantise(graph, calibration, precision == "int8r", method)
            said = execution.in_words(on_cpu(model), graph.float_nodes)
            instructions.note(f"{graph.name} in OpenVINO {precision}: {said}")
            made[name] = to_folder(model)
        else:
            made[name] = to_folder(to_model(graph), halved=precision == "fp16")
    return made


def describe(
    graph: OnnxGraph,
    content: Mapping[str, bytes],
    preprocessing: Preprocessing | None,
    labels: Sequence[str] | None,
) -> Mapping[str, bytes]:
    model = from_folder(content)
    metadata.add(model, preprocessing, labels)
    return to_folder(model)


def open_converted(graph: OnnxGraph, content: Mapping[str, bytes], exact: bool = True) -> Converted:
    compiled = (exactly if exact else on_cpu)(from_folder(content))
    ports = {port.name: port for port in graph.inputs}
    return Converted(
        compiled.create_infer_request(),
        _specs([ports[name] for name in input_names(compiled, list(ports))], compiled.inputs),
        _specs(graph.outputs, compiled.outputs),
    )


def with_detector(
    graph: OnnxGraph, content: Mapping[str, bytes], detector: Detector
) -> Mapping[str, bytes]:
    names = [port.name for port in graph.outputs]
    return to_folder(suppression.behind(from_folder(content), detector, names))


def values(
    graph: OnnxGraph, content: Mapping[str, bytes], samples: Iterable[Sample]
) -> Iterable[dict[str, Value]]:
    return file_values(from_folder(content), [port.name for port in graph.inputs], samples)


def _specs(
    ports: Sequence[TensorInfo], found: Sequence[openvino.ConstOutput]
) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            port.name,
            tuple(tensor.shape),
            np.dtype(tensor.element_type.to_dtype()).name,
            tuple(range(len(port.shape))),
        )
        for port, tensor in zip(ports, found, strict=True)
    )
