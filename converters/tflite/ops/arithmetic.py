"""Element-wise arithmetic and comparisons, with ONNX's broadcasting."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from edgebench.converters.tflite.node import CannotLower, Node, lowers
from edgebench.converters.tflite.ops.error_function import erf
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import DTYPES, Value, aligned

UNARY: dict[str, Callable[[Any], Any]] = {
    "Abs": tf.abs,
    "Ceil": tf.math.ceil,
    "Cos": tf.cos,
    "Erf": erf,
    "Exp": tf.exp,
    "Floor": tf.floor,
    "Log": tf.math.log,
    "Neg": tf.negative,
    "Not": tf.logical_not,
    "Reciprocal": lambda x: 1.0 / x,
    "Round": tf.round,
    "Sign": tf.sign,
    "Sin": tf.sin,
    "Sqrt": tf.sqrt,
}

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "Add": tf.add,
    "And": tf.logical_and,
    "Equal": tf.equal,
    "Greater": tf.greater,
    "GreaterOrEqual": tf.greater_equal,
    "Less": tf.less,
    "LessOrEqual": tf.less_equal,
    "Mul": tf.multiply,
    "Or": tf.logical_or,
    "Sub": tf.subtract,
}

VARIADIC: dict[str, Callable[[Any, Any], Any]] = {
    "Max": tf.maximum,
    "Mean": tf.add,
    "Min": tf.minimum,
    "Sum": tf.add,
}

# Of operands that are not negative these make nothing negative.
KEEPS_SIGN = {"Add", "Mul", "Max", "Min", "Sum", "Mean", "Sqrt", "Floor", "Ceil"}
ALWAYS_NONNEGATIVE = {"Abs", "Exp"}


def _nonnegative(node: Node, values: list[Value]) -> bool:
    def known(value: Value) -> bool:
        constant = value.is_constant and value.dtype.kind == "f"
        return value.nonnegative or (constant and bool((value.data >= 0).all()))

    kept = node.op_type in KEEPS_SIGN and all(known(value) for value in values)
    return kept or node.op_type in ALWAYS_NONNEGATIVE


@lowers(*UNARY)
def unary(node: Node) -> Value:
    x = node.value()
    return Value(UNARY[node.op_type](x.data), x.order, _nonnegative(node, [x]))


def _operands(node: Node) -> list[Value]:
    return [node.value(i) for i in range(len(node.inputs))]


@lowers(*BINARY)
def binary(node: Node) -> Value:
    values = _operands(node)
    (a, b), order = aligned(values)
    return Value(BINARY[node.op_type](a, b), order, _nonnegative(node, values))


@lowers(*VARIADIC)
def variadic(node: Node) -> Value:
    values = _operands(node)
    operands, order = aligned(values)
    total = reduce(VARIADIC[node.op_type], operands)
    if node.op_type == "Mean":
        total = total * np.float32(1 / len(operands))
    return Value(tf.convert_to_tensor(total), order, _nonnegative(node, values))


@lowers("Div")
def divide(node: Node) -> Value:
    values = _operands(node)
    (a, b), order = aligned(values)
    if values[0].dtype.kind != "f":
        return Value(tf.raw_ops.Div(x=a, y=b), order)
    if values[1].is_constant and (b != 0).all():
        # A product stays in int8, where TFLite has no division.
        return Value(a * (np.float32(1) / b), order)
    return Value(a / b, order)


def _squared(x: Any) -> Any:
    return x * x


@lowers("Pow")
def power(node: Node) -> Value:
    x, exponent = node.value(0), node.value(1)
    if exponent.is_constant and exponent.data.size == 1 and exponent.rank <= x.rank:
        # MUL and SQRT have kernels where POW has none; XNNPACK has no int8 SQUARE.
        special = {2.0: _squared, 0.5: tf.sqrt, 1.0: tf.identity}.get(float(exponent.data.item()))
        if special is not None and x.dtype.kind == "f":
            return x.like(special(x.data))
    if x.dtype not in (np.float32, np.int32):
        raise CannotLower(f"TFLite has no power of {x.dtype}")
    (a, b), order = aligned([x, exponent])
    return Value(tf.pow(a, tf.cast(b, x.dtype)), order)


@lowers("Mod")
def modulo(node: Node) -> Value:
    values = _operands(node)
    (a, b), order = aligned(values)
    if not node.attribute("fmod", 0):
        return Value(tf.math.floormod(a, b), order)
    if values[0].dtype.kind != "f":
        raise CannotLower("fmod is set for integers")
    # fmod takes the sign of the dividend.
    return Value(tf.math.floormod(tf.abs(a), tf.abs(b)) * tf.sign(a), order)


@lowers("Where")
def where(node: Node) -> Value:
    (condition, a, b), order = aligned(_operands(node))
    return Value(tf.where(condition, a, b), order)


@lowers("Cast")
def cast(node: Node) -> Value:
    from onnx import helper

    x = node.value()
    target = np.dtype(helper.tensor_dtype_to_np_dtype(node.attribute("to")))
    if target not in DTYPES:
        raise CannotLower(f"it casts to {target}, which TFLite does not compute with")
    return Value(tf.cast(x.data, target), x.order, x.nonnegative)
