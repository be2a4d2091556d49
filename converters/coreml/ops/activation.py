"""Activations: one MIL op each where there is one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edgebench.converters.coreml.mil import mb
from edgebench.converters.coreml.node import CannotLower, Node, lowers
from edgebench.converters.coreml.value import Value

# MIL's ops of the same meaning.
SAME: dict[str, Callable[..., Any]] = {
    "Relu": mb.relu,
    "Sigmoid": mb.sigmoid,
    "Softplus": mb.softplus,
    "Softsign": mb.softsign,
    "Tanh": mb.tanh,
}
_SELU = (1.67326319217681884765625, 1.05070102214813232421875)


@lowers(*SAME)
def same(node: Node) -> Value:
    return Value(SAME[node.op_type](x=_real(node).data))


def _real(node: Node) -> Value:
    x = node.value()
    if not x.is_float:
        raise CannotLower(f"its input is {x.dtype}, and Core ML has it for real numbers only")
    return x


@lowers("HardSwish")
def hard_swish(node: Node) -> Value:
    """x * max(0, min(1, x / 6 + 1/2)): MIL has the second factor as one op."""
    x = _real(node)
    gate = mb.sigmoid_hard(x=x.data, alpha=x.number(1 / 6), beta=x.number(0.5))
    return Value(mb.mul(x=x.data, y=gate))


@lowers("HardSigmoid")
def hard_sigmoid(node: Node) -> Value:
    x = _real(node)
    slope, offset = node.attribute("alpha", 0.2), node.attribute("beta", 0.5)
    return Value(mb.sigmoid_hard(x=x.data, alpha=x.number(slope), beta=x.number(offset)))


@lowers("Mish")
def mish(node: Node) -> Value:
    x = _real(node)
    return Value(mb.mul(x=x.data, y=mb.tanh(x=mb.softplus(x=x.data))))


@lowers("Gelu")
def gelu(node: Node) -> Value:
    tanh = node.attribute("approximate", "none") == "tanh"
    return Value(mb.gelu(x=_real(node).data, mode="TANH_APPROXIMATION" if tanh else "EXACT"))


@lowers("Clip")
def clip(node: Node) -> Value:
    x = node.value()
    low, high = _bound(node, 1, "min", -math.inf), _bound(node, 2, "max", math.inf)
    low = min(low, high)  # ONNX since opset 13: where they cross, all becomes max
    if x.is_float:
        return Value(_clipped(x, low, high))
    data = x.data
    if low > -math.inf:
        data = mb.maximum(x=data, y=x.number(low))
    return Value(mb.minimum(x=data, y=x.number(high)) if high < math.inf else data)


def _bound(node: Node, index: int, attribute: str, default: float) -> float:
    if node.has(index):
        bound = node.constant(index, attribute).reshape(()).item()
    else:
        bound = node.attribute(attribute, default)
    return float(bound) if abs(bound) < np.finfo(np.float32).max else default


def _clipped(x: Value, low: float, high: float) -> Any:
    if (low, high) == (0, 6):
        return mb.relu6(x=x.data)
    if low == 0 and high == math.inf:
        return mb.relu(x=x.data)
    if low == -math.inf or high == math.inf:
        # MIL's clip takes two numbers, and infinity is none in float16.
        data = mb.maximum(x=x.data, y=x.number(low)) if low > -math.inf else x.data
        return mb.minimum(x=data, y=x.number(high)) if high < math.inf else data
    return mb.clip(x=x.data, alpha=x.number(low), beta=x.number(high))


@lowers("LeakyRelu")
def leaky_relu(node: Node) -> Value:
    x = _real(node)
    return Value(mb.leaky_relu(x=x.data, alpha=x.number(node.attribute("alpha", 0.01))))


@lowers("PRelu")
def prelu(node: Node) -> Value:
    """MIL's prelu where each channel has one slope, otherwise relu(x) - slope * relu(-x)."""
    x, slope = _real(node), node.value(1)
    per_channel = slope.is_constant and 3 <= x.rank <= 5 and _per_channel(slope.shape, x.rank)
    if per_channel:
        slopes = np.broadcast_to(slope.array.reshape(-1), (x.shape[1],))
        return Value(mb.prelu(x=x.data, alpha=slopes.astype(x.dtype)))
    below = mb.mul(x=mb.relu(x=mb.mul(x=x.data, y=x.number(-1))), y=slope.mil)
    return Value(mb.sub(x=mb.relu(x=x.data), y=below))


def _per_channel(slope: tuple[int, ...], rank: int) -> bool:
    full = (1,) * (rank - len(slope)) + slope
    return len(slope) <= rank and all(n == 1 for i, n in enumerate(full) if i != 1)


@lowers("Elu", "Celu", "Selu")
def elu(node: Node) -> Value:
    x = _real(node)
    if node.op_type == "Celu":
        # a * elu(x / a) is x above zero and a (e^(x/a) - 1) below.
        alpha = node.attribute("alpha", 1.0)
        scaled = mb.mul(x=x.data, y=x.number(1 / alpha))
        return Value(mb.mul(x=mb.elu(x=scaled, alpha=x.number(1)), y=x.number(alpha)))
    alpha, gamma = _SELU if node.op_type == "Selu" else (1.0, 1.0)
    alpha, gamma = node.attribute("alpha", alpha), node.attribute("gamma", gamma)
    y = mb.elu(x=x.data, alpha=x.number(alpha))
    return Value(y if gamma == 1.0 else mb.mul(x=y, y=x.number(gamma)))


@lowers("ThresholdedRelu")
def thresholded_relu(node: Node) -> Value:
    """By comparison: MIL's op of that name keeps x at the threshold itself, ONNX's does not."""
    x = _real(node)
    above = mb.greater(x=x.data, y=x.number(node.attribute("alpha", 1.0)))
    return Value(mb.select(cond=above, a=x.data, b=mb.mul(x=x.data, y=x.number(0))))


@lowers("Shrink")
def shrink(node: Node) -> Value:
    x = _real(node)
    bias, bound = x.number(node.attribute("bias", 0.0)), x.number(node.attribute("lambd", 0.5))
    zeros = mb.mul(x=x.data, y=x.number(0))
    above = mb.select(cond=mb.greater(x=x.data, y=bound), a=mb.sub(x=x.data, y=bias), b=zeros)
    below = mb.less(x=x.data, y=-bound)
    return Value(mb.select(cond=below, a=mb.add(x=x.data, y=bias), b=above))


@lowers("Hardmax")
def hardmax(node: Node) -> Value:
    x = _real(node)
    axis = node.attribute("axis", -1) % x.rank
    best = mb.reduce_argmax(x=x.data, axis=axis, keep_dims=False)
    one, none = x.number(1), x.number(0)
    return Value(
        mb.one_hot(
            indices=best, one_hot_vector_size=x.shape[axis], axis=axis, on_value=one, off_value=none
        )
    )


@lowers("Softmax", "LogSoftmax")
def softmax(node: Node) -> Value:
    x = _real(node)
    if not x.rank:
        raise CannotLower("its input is a scalar")
    return Value(_normalised(node, x, node.attribute("axis", -1) % x.rank))


def _normalised(node: Node, x: Value, axis: int) -> Any:
    if node.op_type == "Softmax":
        return mb.softmax(x=x.data, axis=axis)
    total = mb.reduce_log_sum_exp(x=x.data, axes=[axis], keep_dims=True)
    return mb.sub(x=x.data, y=total)
