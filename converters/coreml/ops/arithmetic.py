"""Element-wise arithmetic and comparisons; MIL broadcasts as ONNX does."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from edgebench.converters.coreml.mil import mb
from edgebench.converters.coreml.node import Node, lowers
from edgebench.converters.coreml.value import Value, kept_type

UNARY: dict[str, Callable[..., Any]] = {
    "Abs": mb.abs,
    "Ceil": mb.ceil,
    "Cos": mb.cos,
    "Erf": mb.erf,
    "Exp": mb.exp,
    "Floor": mb.floor,
    "Log": mb.log,
    "Not": mb.logical_not,
    "Round": mb.round,
    "Sign": mb.sign,
    "Sin": mb.sin,
    "Sqrt": mb.sqrt,
}

BINARY: dict[str, Callable[..., Any]] = {
    "Add": mb.add,
    "And": mb.logical_and,
    "Equal": mb.equal,
    "Greater": mb.greater,
    "GreaterOrEqual": mb.greater_equal,
    "Less": mb.less,
    "LessOrEqual": mb.less_equal,
    "Mul": mb.mul,
    "Or": mb.logical_or,
    "Sub": mb.sub,
}

VARIADIC: dict[str, Callable[..., Any]] = {
    "Max": mb.maximum,
    "Mean": mb.add,
    "Min": mb.minimum,
    "Sum": mb.add,
}

# MIL's names of the types that a cast can lead to.
CASTS = {np.float16: "fp16", np.float32: "fp32", np.int32: "int32", np.bool_: "bool"}


@lowers(*UNARY)
def unary(node: Node) -> Value:
    return Value(UNARY[node.op_type](x=node.value().data))


@lowers("Neg")
def negative(node: Node) -> Value:
    x = node.value()
    return Value(mb.mul(x=x.data, y=x.number(-1)))


@lowers("Reciprocal")
def reciprocal(node: Node) -> Value:
    """A division: MIL's `inverse` adds an epsilon."""
    x = node.value()
    return Value(mb.real_div(x=x.number(1), y=x.data))


@lowers(*BINARY)
def binary(node: Node) -> Value:
    a, b = node.value(0), node.value(1)
    if node.op_type == "Equal" and a.dtype == np.bool_:
        # MIL compares numbers only.
        different = mb.logical_xor(x=a.mil, y=b.mil)
        return Value(mb.logical_not(x=different))
    return Value(BINARY[node.op_type](x=a.mil, y=b.mil))


@lowers(*VARIADIC)
def variadic(node: Node) -> Value:
    values = [node.value(i) for i in range(len(node.inputs))]
    op = VARIADIC[node.op_type]
    total = reduce(lambda a, b: op(x=a, y=b), [value.mil for value in values])
    if node.op_type == "Mean" and len(values) > 1:
        total = mb.mul(x=total, y=values[0].number(1 / len(values)))
    return Value(total)


@lowers("Div")
def divide(node: Node) -> Value:
    a, b = node.value(0), node.value(1)
    if a.is_float:
        return Value(mb.real_div(x=a.mil, y=b.mil))
    # ONNX rounds towards zero, MIL's floor_div down.
    signs = mb.mul(x=_sign(a), y=_sign(b))
    return Value(mb.mul(x=mb.floor_div(x=_absolute(a), y=_absolute(b)), y=signs))


def _sign(x: Value) -> Any:
    return np.sign(x.mil) if x.is_constant else mb.sign(x=x.data)


def _absolute(x: Value) -> Any:
    return np.abs(x.mil) if x.is_constant else mb.abs(x=x.data)


@lowers("Pow")
def power(node: Node) -> Value:
    x, exponent = node.value(0), node.value(1)
    if exponent.is_constant and exponent.array.size == 1 and exponent.rank <= x.rank and x.is_float:
        special = {2.0: mb.square, 0.5: mb.sqrt, 1.0: mb.identity}
        op = special.get(float(exponent.array.item()))
        if op is not None:
            return Value(op(x=x.mil))
    if exponent.is_constant:
        return Value(mb.pow(x=x.mil, y=exponent.array.astype(kept_type(x.dtype))))
    y = exponent.data
    if exponent.dtype != kept_type(x.dtype):
        y = mb.cast(x=y, dtype=CASTS[kept_type(x.dtype).type])
    return Value(mb.pow(x=x.mil, y=y))


@lowers("Mod")
def modulo(node: Node) -> Value:
    """MIL's mod takes the sign of the divisor, as ONNX's; its fmod that of the dividend."""
    a, b = node.value(0), node.value(1)
    if not node.attribute("fmod", 0):
        return Value(mb.mod(x=a.mil, y=b.mil))
    return Value(mb.mul(x=mb.mod(x=_absolute(a), y=_absolute(b)), y=_sign(a)))


@lowers("Where")
def where(node: Node) -> Value:
    condition, a, b = (node.value(i) for i in range(3))
    return Value(mb.select(cond=condition.mil, a=a.mil, b=b.mil))


@lowers("Cast")
def cast(node: Node) -> Value:
    from onnx import helper

    x = node.value()
    target = np.dtype(helper.tensor_dtype_to_np_dtype(node.attribute("to")))
    if target == np.uint8:
        return _bytes(x)
    kept = kept_type(target)
    return x if kept == x.dtype else Value(mb.cast(x=x.data, dtype=CASTS[kept.type]))


def _bytes(x: Value) -> Value:
    """Whole numbers of 0 to 255, in the type of 32 bits that programs compute with."""
    whole = x.mil if x.dtype == np.int32 else mb.cast(x=x.mil, dtype="int32")
    return Value(mb.mod(x=whole, y=np.int32(256)))
