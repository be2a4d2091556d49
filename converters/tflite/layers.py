"""Layer by layer: where a TFLite file departs from its ONNX model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime

from edgebench.converters.tflite import content, inspect
from edgebench.converters.tflite.lower import Lowering, lower, to_target
from edgebench.converters.tflite.value import Array


@dataclass(frozen=True)
class LayerError:
    """How far one ONNX value is off in the file.

    `max_abs_error` is in the value's own unit; `snr_db` is 10 log10(signal power / error power),
    infinite where both are equal.
    """

    value: str
    node: str
    op_type: str
    max_abs_error: float
    snr_db: float


def compare_layers(
    model: onnx.ModelProto, tflite: bytes, sample: Mapping[str, Array]
) -> list[LayerError]:
    """Compare every ONNX value that the file holds too, in the graph's sequence.

    `sample` holds arrays by ONNX input name, in ONNX's order of axes. Values that TFLite fused
    into their readers have no counterpart and are left out. Raises `InvalidFileError`.
    """
    made = _run(tflite)
    lowering = lower(model)
    wanted = _reference(model, sample)
    _invoke(made, lowering, sample)
    found = _tensors(made, lowering)
    errors = []
    for name, trace in lowering.traces.items():
        detail = found.get(trace.op)
        if name not in wanted or detail is None:
            continue
        there = _dequantised(made, detail)
        here = np.transpose(wanted[name], trace.order)
        if there.size == here.size and here.dtype.kind == "f":
            largest, snr = _distance(here, there.reshape(here.shape))
            errors.append(LayerError(name, trace.node, trace.op_type, largest, snr))
    return errors


def _run(tflite: bytes) -> Any:
    return inspect.interpreter(
        content.read(tflite),
        **inspect.without_delegates(),
        experimental_preserve_all_tensors=True,
    )


def _reference(model: onnx.ModelProto, sample: Mapping[str, Array]) -> dict[str, Array]:
    """Every value of the ONNX model, from ONNX Runtime."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    outputs = {info.name for info in model.graph.output}
    names = [name for node in model.graph.node for name in node.output if name]
    watched.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in outputs)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    every = [output.name for output in session.get_outputs()]
    return dict(zip(every, session.run(every, dict(sample)), strict=True))


def _invoke(made: Any, lowering: Lowering, sample: Mapping[str, Array]) -> None:
    for port, detail in zip(lowering.inputs, made.get_input_details(), strict=True):
        array = to_target(np.asarray(sample[port.name]), port)
        scale, zero_point = detail["quantization"]
        if scale:
            limits = np.iinfo(detail["dtype"])
            array = np.clip(np.round(array / scale) + zero_point, limits.min, limits.max)
        made.set_tensor(detail["index"], array.astype(detail["dtype"]))
    made.invoke()


def _tensors(made: Any, lowering: Lowering) -> dict[str, Mapping[str, Any]]:
    """The file's tensors by the TensorFlow op that made them.

    A fused tensor's name lists its ops, the one that gives the result first.
    """
    details = {detail["index"]: detail for detail in made.get_tensor_details()}
    made_by_ops = [int(out) for node in inspect.nodes(made) for out in node["outputs"]]
    known = {trace.op for trace in lowering.traces.values()}
    found = {_op_name(details[i]["name"], known): details[i] for i in made_by_ops}
    for port, detail in zip(lowering.outputs, made.get_output_details(), strict=True):
        trace = lowering.traces.get(port.name)
        if trace is not None and trace.order == port.axes:
            found[trace.op] = detail
    return found


def _op_name(tensor: str, known: set[str]) -> str:
    """The op that a tensor is named after; the converter may have added digits to be unique."""
    name = tensor.split(";")[0]
    digits = len(name) - len(name.rstrip("0123456789"))
    endings = (name[: len(name) - cut] for cut in range(digits + 1))
    return next((ending for ending in endings if ending in known), name)


def _dequantised(made: Any, detail: Mapping[str, Any]) -> Array:
    raw = made.get_tensor(detail["index"])
    scale, zero_point = detail["quantization"]
    if not scale or raw.dtype.kind == "f":
        return np.asarray(raw)
    return np.asarray((raw.astype(np.float32) - zero_point) * np.float32(scale))


def _distance(here: Array, there: Array) -> tuple[float, float]:
    """The largest absolute error, and the signal to noise ratio in dB."""
    error = there.astype(np.float64) - here.astype(np.float64)
    noise, signal = float(np.square(error).sum()), float(np.square(here, dtype=np.float64).sum())
    largest = float(np.abs(error).max(initial=0.0))
    if noise == 0:
        return largest, math.inf
    return largest, 10 * math.log10(signal / noise) if signal else -math.inf
