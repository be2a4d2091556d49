"""The values of a program by their names before coremltools cast, compressed or quantised it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from edgebench.converters.coreml.evaluator.operation import Operation
from edgebench.converters.coreml.evaluator.program import Array, Program
from edgebench.converters.file_value import Value, half

_INT8 = np.iinfo(np.int8)
# What enters and leaves: an image in its pixels' unit, an output after its last rounding.
_BORDERS = ("input", "cast")

# What coremltools appends to the names of values that it casts, and to those of dequantised ones.
_DEQUANTISED = re.compile("__post__dequant$")
# An operation that is cast has the name with the suffix; its several outputs are numbered.
_CAST = re.compile(r"_cast_fp(16|32)(?=(_\d+)?$)")


def file_values(program: Program, feeds: Mapping[str, Array]) -> dict[str, Value]:
    """What the operations compute, as those that read it get it: after quantisation, if any.

    Sums that a quantised program holds in steps have no such value, unless they are dequantised.
    """
    quantised = {
        one.outputs[0].name: one for one in program.operations if one.op_type == "quantize"
    }
    scales = _scales(program, quantised)
    other_unit = in_steps(program)
    found: dict[str, Value] = {}

    def keep(name: str, op_type: str, array: Array) -> None:
        if name in scales:
            (source,) = quantised[name].inputs["input"]
            found[plain(source)] = _dequantised(array, quantised[name], scales[name])
        elif array.dtype.kind == "f" and name not in other_unit and op_type not in _BORDERS:
            kept = half(array) if array.dtype == np.float16 else Value(array)
            found[plain(name)] = kept

    program.trace(feeds, keep)
    return found


def in_steps(program: Program) -> set[str]:
    """The sums that a quantised program holds in steps, not in the network's unit.

    coremltools divides the scales of a sum's operands by one of them, which then is 1.
    """
    whole = {
        operation.outputs[0].name
        for operation in program.operations
        if operation.op_type == "dequantize" and operation.parameters.get("scale") == 1.0
    }
    return {
        operation.outputs[0].name
        for operation in program.operations
        if operation.op_type == "add" and whole & {*operation.inputs["x"], *operation.inputs["y"]}
    }


def plain(name: str) -> str:
    """A value's name without what coremltools appends to it."""
    return _CAST.sub("", _DEQUANTISED.sub("", name))


def _scales(program: Program, quantised: Mapping[str, Operation]) -> dict[str, float]:
    """The scale of every quantised value in the network's unit, where there is one."""
    other_unit = in_steps(program)
    scales = {
        name: _number(one, "scale")
        for name, one in quantised.items()
        if one.inputs["input"][0] not in other_unit
    }
    for one in program.operations:
        if one.op_type == "dequantize" and _number(one, "scale") != 1.0:
            scales.setdefault(one.inputs["input"][0], _number(one, "scale"))
    return {name: scale for name, scale in scales.items() if name in quantised}


def _dequantised(array: Array, operation: Operation, scale: float) -> Value:
    zero = _number(operation, "zero_point")
    real = (array.astype(np.float32) - np.float32(zero)) * np.float32(scale)
    return Value(real, scale, (_INT8.min - zero) * scale, (_INT8.max - zero) * scale)


def _number(operation: Operation, parameter: str) -> float:
    return float(np.asarray(operation.parameters.get(parameter, 0)).reshape(-1)[0])
