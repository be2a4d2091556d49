"""Activations, in the forms that the TFLite converter recognises or fuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edgebench.converters.tflite.node import CannotLower, Node, lowers
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Value, aligned


def _softplus(x: Any) -> Any:
    # log(1 + e^x) without overflow; TFLite has no op of its own.
    return tf.nn.relu(x) + tf.math.log(tf.exp(-tf.abs(x)) + 1.0)


def _mish(x: Any) -> Any:
    # tanh(softplus(x)) is n / (n + 2) with n = e^x (e^x + 2); beyond 20 it is 1.
    power = tf.exp(tf.minimum(x, 20.0))
    n = power * (power + 2.0)
    return x * (n / (n + 2.0))


def _hard_swish(x: Any) -> Any:
    # The converter knows HARD_SWISH by these three ops.
    return x * tf.nn.relu6(x + 3.0) * np.float32(1 / 6)


NONNEGATIVE: dict[str, Callable[[Any], Any]] = {
    "Relu": tf.nn.relu,
    "Sigmoid": tf.sigmoid,
    "Softplus": _softplus,
}

SIGNED: dict[str, Callable[[Any], Any]] = {
    "Tanh": tf.tanh,
    "HardSwish": _hard_swish,
    "Softsign": lambda x: x / (tf.abs(x) + 1.0),
    "Mish": _mish,
}


@lowers(*NONNEGATIVE)
def nonnegative(node: Node) -> Value:
    x = node.value()
    return Value(NONNEGATIVE[node.op_type](x.data), x.order, nonnegative=True)


@lowers(*SIGNED)
def signed(node: Node) -> Value:
    return node.value().like(SIGNED[node.op_type](node.value().data))


@lowers("Clip")
def clip(node: Node) -> Value:
    x = node.value()
    low, high = _bound(node, 1, "min", -math.inf), _bound(node, 2, "max", math.inf)
    if low > high:
        low = high  # ONNX since opset 13: all becomes max
    return Value(clipped(x.data, low, high), x.order, x.nonnegative or low >= 0)


def _bound(node: Node, index: int, attribute: str, default: float) -> float:
    if node.has(index):
        return float(node.constant(index, attribute).reshape(()))
    bound = float(node.attribute(attribute, default))
    return bound if abs(bound) < np.finfo(np.float32).max else default


def clipped(x: Any, low: float, high: float) -> Any:
    """Clip with the ops that fuse into the producer where there are such ops."""
    if (low, high) == (0, 6):
        return tf.nn.relu6(x)
    if low == 0:
        return tf.nn.relu(x) if high == math.inf else tf.minimum(tf.nn.relu(x), _like(x, high))
    if low > -math.inf:
        x = tf.maximum(x, _like(x, low))
    return tf.minimum(x, _like(x, high)) if high < math.inf else x


def _like(x: Any, number: float) -> Any:
    return np.asarray(number, x.dtype.as_numpy_dtype)


@lowers("HardSigmoid")
def hard_sigmoid(node: Node) -> Value:
    """max(0, min(1, ax + b)) as relu6(6ax + 6b) / 6, whose clip fuses into the addition."""
    x = node.value()
    slope = np.float32(6 * float(np.float32(node.attribute("alpha", 0.2))))
    offset = np.float32(6 * float(np.float32(node.attribute("beta", 0.5))))
    data = x.data if math.isclose(slope, 1, rel_tol=1e-6) else x.data * slope
    y = tf.nn.relu6(data + offset) * np.float32(1 / 6)
    return Value(y, x.order, nonnegative=True)


@lowers("LeakyRelu")
def leaky_relu(node: Node) -> Value:
    x = node.value()
    return x.like(tf.nn.leaky_relu(x.data, node.attribute("alpha", 0.01)))


@lowers("PRelu")
def prelu(node: Node) -> Value:
    """relu(x) + slope * min(x, 0), which the converter turns into PRELU where it can."""
    (x, slope), order = aligned([node.value(0), node.value(1)])
    return Value(tf.nn.relu(x) + (-slope) * tf.nn.relu(-x), order)


@lowers("Elu", "Celu", "Selu")
def elu(node: Node) -> Value:
    x = node.value()
    if node.op_type == "Celu":
        alpha = node.attribute("alpha", 1.0)
        below = alpha * tf.nn.elu(tf.minimum(x.data, 0.0) * np.float32(1 / alpha))
        return x.like(tf.nn.relu(x.data) + below)
    alpha = node.attribute("alpha", 1.0 if node.op_type == "Elu" else 1.67326319217681884765625)
    gamma = node.attribute("gamma", 1.0 if node.op_type == "Elu" else 1.05070102214813232421875)
    if (alpha, gamma) == (1.0, 1.0):
        return x.like(tf.nn.elu(x.data))
    below = np.float32(alpha * gamma) * tf.nn.elu(tf.minimum(x.data, 0.0))
    return x.like(np.float32(gamma) * tf.nn.relu(x.data) + below)


@lowers("ThresholdedRelu")
def thresholded_relu(node: Node) -> Value:
    x = node.value()
    above = x.data > np.float32(node.attribute("alpha", 1.0))
    return x.like(tf.where(above, x.data, tf.zeros_like(x.data)))


def _gelu(node: Node) -> Value:
    x = node.value()
    return x.like(tf.nn.gelu(x.data, approximate=node.attribute("approximate", "none") == "tanh"))


lowers("Gelu")(_gelu)


def gelu_apart(node: Node) -> Value:
    """GELU of the same elements under another shape, where others use parts of it too.

    The converter knows TensorFlow's GELU by its parts, and equal operations become one: where
    another node halves the same tensor, the half is no longer GELU's alone.
    """
    if node.attribute("approximate", "none") == "tanh":
        return _gelu(node)
    x = node.value()
    apart = tf.reshape(x.data, [1, -1] if x.rank == 1 else [-1])
    return x.like(tf.reshape(tf.nn.gelu(apart, approximate=False), x.data.shape))


@lowers("Shrink")
def shrink(node: Node) -> Value:
    x, bias = node.value(), np.float32(node.attribute("bias", 0.0))
    bound = np.float32(node.attribute("lambd", 0.5))
    zeros = tf.zeros_like(x.data)
    below = tf.where(x.data < -bound, x.data + bias, zeros)
    return x.like(tf.where(x.data > bound, x.data - bias, below))


@lowers("Hardmax")
def hardmax(node: Node) -> Value:
    x = node.value()
    axis = node.attribute("axis", -1) % x.rank
    last = x.at((*(a for a in x.order if a != axis), axis))
    best = tf.argmax(last.data, -1, output_type=tf.int32)
    return Value(tf.one_hot(best, x.shape[axis]), last.order, nonnegative=True)


@lowers("Softmax", "LogSoftmax")
def softmax(node: Node) -> Value:
    x = node.value()
    op = tf.nn.softmax if node.op_type == "Softmax" else tf.nn.log_softmax
    positive = node.op_type == "Softmax"
    if not x.rank:
        raise CannotLower("its input is a scalar")
    axis = node.attribute("axis", -1) % x.rank
    last = x.at((*(a for a in x.order if a != axis), axis))
    return Value(op(last.data), last.order, positive)
