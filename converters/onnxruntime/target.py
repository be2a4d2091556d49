"""The ONNX artifact: the simplified graph in each precision, opened in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import onnx
import onnxruntime

from edgebench.converters import ranges
from edgebench.converters.artifact import Preprocessing, TensorSpec
from edgebench.converters.backend import Instructions
from edgebench.converters.file_value import Value
from edgebench.converters.onnx import suppression
from edgebench.converters.onnx.cut import made
from edgebench.converters.onnx.graph import OnnxGraph, TensorInfo
from edgebench.converters.onnx.reference import Array, Sample, session
from edgebench.converters.onnxruntime.precisions import observe, to_fp16, to_int8
from edgebench.converters.onnxruntime.values import file_values
from edgebench.converters.postprocess import Detector
from edgebench.converters.precision import DEFAULT
from edgebench.converters.ranges import Observed
from edgebench.errors import UnsupportedModelError
from edgebench.progress import Progress


@dataclass(frozen=True)
class Converted:
    """An ONNX file in ONNX Runtime."""

    opened: onnxruntime.InferenceSession
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def run(self, sample: Sample) -> list[Array]:
        return list(self.opened.run(None, dict(sample)))

    def run_all(self, samples: Iterable[Sample]) -> Iterator[list[Array]]:
        return map(self.run, samples)


def convert(
    graph: OnnxGraph,
    precisions: Sequence[str],
    calibration: Sequence[Sample],
    instructions: Instructions,
    progress: Progress,
) -> Mapping[str, bytes]:
    observed: dict[str, Observed] = {}
    made = {}
    for number, name in enumerate(precisions):
        progress(f"ONNX in {name}", number, len(precisions))
        precision, method = ranges.parted(name)
        if method != DEFAULT and not observed:
            observed = observe(graph, calibration)
        chosen = ranges.of_all(observed, method, graph.ranges)
        makers: dict[str, Callable[[], onnx.ModelProto]] = {
            "fp32": lambda: graph.model,
            "fp16": lambda: to_fp16(graph),
            "int8": partial(to_int8, graph, calibration, False, chosen),
            "int8r": partial(to_int8, graph, calibration, True, chosen),
        }
        made[name] = makers[precision]().SerializeToString(deterministic=True)
    return made


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


def open_converted(graph: OnnxGraph, content: bytes, exact: bool = True) -> Converted:
    """Exact arithmetic is that of float32 layers between the file's own rounding steps.

    ONNX Runtime fuses both into integer kernels only at its higher levels of optimisation.
    """
    try:
        opened = session(onnx.ModelProto.FromString(content), optimised=not exact)
    except Exception as error:  # ONNX Runtime's errors share no narrower base.
        raise UnsupportedModelError(
            f"ONNX Runtime cannot run what was made of the model: {str(error).splitlines()[0]}",
            "export it to onnx:fp32, or to another format",
        ) from error
    return Converted(opened, _specs(graph.inputs), _specs(graph.outputs))


def with_detector(graph: OnnxGraph, content: bytes, detector: Detector) -> bytes:
    merged = suppression.behind(onnx.ModelProto.FromString(content), detector)
    written: bytes = merged.SerializeToString(deterministic=True)
    return written


def values(
    graph: OnnxGraph, content: bytes, samples: Iterable[Sample]
) -> Iterable[dict[str, Value]]:
    return file_values(onnx.ModelProto.FromString(content), {*made(graph.model)}, samples)


def _specs(ports: Sequence[TensorInfo]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(port.name, port.shape, port.dtype.name, tuple(range(len(port.shape))))
        for port in ports
    )
