"""The values of a TFLite file by the names of the ONNX values that they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx

from edgebench.converters.file_value import Value
from edgebench.converters.onnx.reference import Sample
from edgebench.converters.tflite import content, inspect
from edgebench.converters.tflite.lower import Names, names_of, to_target
from edgebench.converters.tflite.value import Array


def file_values(
    model: onnx.ModelProto, tflite: bytes, samples: Iterable[Sample]
) -> Iterator[dict[str, Value]]:
    """For each sample every value that the file holds too, in ONNX's order of axes.

    Values that TFLite fused into their readers have no counterpart. What stays in float and is then
    quantised is as its readers get it. Raises `InvalidFileError`.
    """
    made = inspect.interpreter(
        content.read(tflite),
        **inspect.without_delegates(),
        experimental_preserve_all_tensors=True,
    )
    lowering = names_of(model)
    tensors = _tensors(made, lowering)
    for sample in samples:
        fed = _invoke(made, lowering, sample)
        found = {}
        for name, trace in lowering.traces.items():
            detail = tensors.get(trace.op)
            if detail is not None:
                value = _value(np.asarray(made.get_tensor(detail["index"])), detail)
                found[name] = _lying(value, trace.order)
        for port, detail in zip(lowering.inputs, made.get_input_details(), strict=True):
            found[port.name] = _lying(_value(fed[port.name], detail), port.axes)
        yield found
        del found


def tensors_of_values(made: Any, lowering: Names) -> dict[str, int]:
    """The numbers of the tensors of an opened file, by the ONNX values that they are."""
    tensors = _tensors(made, lowering)
    found = {
        name: int(tensors[trace.op]["index"])
        for name, trace in lowering.traces.items()
        if trace.op in tensors
    }
    inputs = zip(lowering.inputs, made.get_input_details(), strict=True)
    return found | {port.name: int(detail["index"]) for port, detail in inputs}


def _invoke(made: Any, lowering: Names, sample: Sample) -> dict[str, Array]:
    """Run the file, and return what was fed to it."""
    fed = {}
    for port, detail in zip(lowering.inputs, made.get_input_details(), strict=True):
        array = to_target(np.asarray(sample[port.name]), port)
        scale, zero_point = detail["quantization"]
        if scale:
            limits = np.iinfo(detail["dtype"])
            array = np.clip(np.round(array / scale) + zero_point, limits.min, limits.max)
        fed[port.name] = array.astype(detail["dtype"])
        made.set_tensor(detail["index"], fed[port.name])
    inspect.invoke(made)
    return fed


def _tensors(made: Any, lowering: Names) -> dict[str, Mapping[str, Any]]:
    """The file's tensors by the TensorFlow op that made them.

    A fused tensor's name lists its ops, the one that gives the result first.
    """
    details = {detail["index"]: detail for detail in made.get_tensor_details()}
    made_by_ops = [int(out) for node in inspect.nodes(made) for out in node["outputs"]]
    known = {trace.op for trace in lowering.traces.values()}
    read_as = _quantised_for_all(made)
    # A float copy of an 8-bit tensor holds no more than what it is dequantised from, and not its
    # steps and range, by which the proof knows what rounding and clipping may do.
    rounded = {
        int(node["outputs"][0]): details[int(node["inputs"][0])]
        for node in inspect.nodes(made)
        if node["op_name"] == "DEQUANTIZE"
    }
    found = {
        _op_name(details[i]["name"], known): rounded.get(i, details[read_as.get(i, i)])
        for i in made_by_ops
        # The quantised copy of a tensor may be named after it.
        if i not in read_as.values()
    }
    for port, detail in zip(lowering.outputs, made.get_output_details(), strict=True):
        trace = lowering.traces.get(port.name)
        if trace is not None and trace.order == port.axes:
            found[trace.op] = rounded.get(detail["index"], detail)
    return found


def _quantised_for_all(made: Any) -> dict[int, int]:
    """By the float tensors that nothing but one QUANTIZE reads, what that makes of them."""
    readers: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for node in inspect.nodes(made):
        for number in node["inputs"]:
            readers[int(number)].append((node["op_name"], int(node["outputs"][0])))
    inputs = {int(detail["index"]) for detail in made.get_input_details()}
    return {
        number: ops[0][1]
        for number, ops in readers.items()
        if number not in inputs and len(ops) == 1 and ops[0][0] == "QUANTIZE"
    }


def _op_name(tensor: str, known: set[str]) -> str:
    """The op that a tensor is named after; the converter may have added digits to be unique."""
    name = tensor.split(";")[0]
    digits = len(name) - len(name.rstrip("0123456789"))
    endings = (name[: len(name) - cut] for cut in range(digits + 1))
    return next((ending for ending in endings if ending in known), name)


def _value(raw: Array, detail: Mapping[str, Any]) -> Value:
    scale, zero_point = detail["quantization"]
    if not scale or raw.dtype.kind == "f":
        return Value(raw)
    limits = np.iinfo(raw.dtype)
    real = (raw.astype(np.float32) - zero_point) * np.float32(scale)
    low, high = (limits.min - zero_point) * scale, (limits.max - zero_point) * scale
    return Value(real, scale, low, high)


def _lying(value: Value, order: tuple[int, ...]) -> Value:
    """The value in ONNX's order of axes; one of another rank as it is."""
    if value.array.ndim != len(order):
        return value
    array = np.transpose(value.array, np.argsort(order))
    # Moved in memory here, once for all that read it.
    return Value(np.ascontiguousarray(array), value.step, value.low, value.high)
