"""The values of a program by their names before coremltools cast, compressed or quantised it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from edgebench.converters.coreml.evaluator.operation import Operation
from edgebench.converters.coreml.evaluator.program import Array, Program
from edgebench.converters.file_value import Value, half

_INT8 = np.iinfo(np.int8)
# Two scales that float16 rounded are the same within this share.
_SAME = 0.002
# What enters and leaves: an image in its pixels' unit, an output after its last rounding.
_BORDERS = ("input", "cast")

# What coremltools appends to the names of values that it casts, and to those of dequantised ones.
_DEQUANTISED = re.compile("__post__dequant$")
# A division by a constant that became a product.
_INVERSED = "_inversed_"
# What an image is once its scale and bias are in.
_IMAGE = re.compile("__(scaled|biased)__$")
# An operation that is cast has the name with the suffix; its several outputs are numbered.
_CAST = re.compile(r"_cast_fp(16|32)(?=(_\d+)?$)")


def file_values(
    program: Program,
    feeds: Mapping[str, Array],
    shapes: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
) -> dict[str, Value]:
    """What the operations compute, as those that read it get it: after quantisation, if any.

    A value that some read quantised and others as it is stays as it is, with the step of the first.
    `shapes` are those that values had before coremltools moved transposes, by plain name. Sums that
    a quantised program holds in steps are only there once they are quantised.
    """
    quantised = {
        one.outputs[0].name: one for one in program.operations if one.op_type == "quantize"
    }
    cast = uncast(program)
    scales, units = steps(program)
    moved, mixed = _transposed(program), _read_both_ways(program)
    found: dict[str, Value] = {}

    def keep(name: str, op_type: str, array: Array) -> None:
        if name in quantised:
            (source,) = quantised[name].inputs["input"]
            source = cast.get(source, source)  # An input, which is of float32.
            value = _dequantised(array, quantised[name], scales[name])
            if source in mixed and plain(source) in found:
                value = replace(value, array=found[plain(source)].array)
            found[plain(source)] = value
            while source in moved:
                source, order = moved[source]
                before = replace(value, array=np.transpose(value.array, order))
                known = plain(source)
                # Where coremltools moved a transpose from before the operation to behind it, the
                # transposed value is the one that has the name's shape.
                found[known] = value if value.array.shape == shapes.get(known) else before
                value = before
        elif array.dtype.kind == "f" and name not in units and op_type not in _BORDERS:
            kept = half(array) if array.dtype == np.float16 else Value(array)
            found[plain(name)] = kept

    program.trace(feeds, keep)
    return found


def steps(program: Program) -> tuple[dict[str, float], dict[str, float]]:
    """The step of each value in int8, and the unit of each value in another one than the network's.

    coremltools brings the operands of a sum to the step of one of them:

        dequantize(x, s_x) + dequantize(y, s_y) -> quantize(s_z)
        dequantize(x, s_x / s_y) + dequantize(y, 1) -> quantize(s_z / s_y)

    So the scale of an operation is no step of a value: the sum and what it is quantised to are in
    the unit s_y, and the operands' scales say nothing unless s_y is known.
    """
    scales: dict[str, float] = {}
    units: dict[str, float] = {}
    dequantised: dict[str, tuple[str, float]] = {}
    given = _given(program)
    for one in program.operations:
        name = one.outputs[0].name
        if one.op_type == "quantize":
            scales[name] = _exact(
                _number(one, "scale") * units.get(one.inputs["input"][0], 1.0), given.get(name, ())
            )
        elif one.op_type == "dequantize" and one.inputs["input"][0] in scales:
            dequantised[name] = one.inputs["input"][0], _number(one, "scale")
        elif one.op_type in ("add", "sub"):
            operands = (dequantised.get(x) for key in ("x", "y") for x in one.inputs.get(key, ()))
            unit = next((scales[q] / scale for q, scale in filter(None, operands)), 1.0)
            if abs(unit - 1) > _SAME:
                units[name] = unit
        elif one.op_type == "relu" and one.inputs["x"][0] in units:
            units[name] = units[one.inputs["x"][0]]
        elif one.outputs[0].dtype == "int8":  # Moved or pooled, in the same steps.
            for scale in [scales[x] for names in one.inputs.values() for x in names if x in scales]:
                scales.setdefault(name, scale)
    return scales, units


def plain(name: str) -> str:
    """A value's name without what coremltools adds to it."""
    bare = _CAST.sub("", _DEQUANTISED.sub("", name)).removeprefix(_INVERSED)
    return _IMAGE.sub("", bare)


def uncast(program: Program) -> dict[str, str]:
    """By the values that casts make, what they cast."""
    casts = (one for one in program.operations if one.op_type == "cast")
    return {one.outputs[0].name: one.inputs["x"][0] for one in casts}


def _transposed(program: Program) -> dict[str, tuple[str, list[int]]]:
    """What is only read to be transposed, by the name of the result, with the order back."""
    readers = Counter(
        x for one in program.operations for names in one.inputs.values() for x in names
    )
    return {
        one.outputs[0].name: (source, list(np.argsort(one.parameters["perm"])))
        for one in program.operations
        if one.op_type == "transpose" and readers[source := one.inputs["x"][0]] == 1
    }


def _read_both_ways(program: Program) -> set[str]:
    """What is quantised for some operations and not for others."""
    plainly = {
        x
        for one in program.operations
        for names in one.inputs.values()
        for x in names
        if one.op_type != "quantize"
    }
    return plainly & {
        one.inputs["input"][0] for one in program.operations if one.op_type == "quantize"
    }


def _given(program: Program) -> dict[str, list[float]]:
    """The scales by which each value in int8 is dequantised."""
    given: dict[str, list[float]] = {}
    for one in program.operations:
        if one.op_type == "dequantize":
            given.setdefault(one.inputs["input"][0], []).append(_number(one, "scale"))
    return given


def _exact(scale: float, given: Iterable[float]) -> float:
    """The one of the scales that a scale is, but for what float16 did to its factors."""
    return next((one for one in given if abs(one - scale) <= _SAME * scale), scale)


def _dequantised(array: Array, operation: Operation, scale: float) -> Value:
    zero = _number(operation, "zero_point")
    real = (array.astype(np.float32) - np.float32(zero)) * np.float32(scale)
    return Value(real, scale, (_INT8.min - zero) * scale, (_INT8.max - zero) * scale)


def _number(operation: Operation, parameter: str) -> float:
    return float(np.asarray(operation.parameters.get(parameter, 0)).reshape(-1)[0])
