"""Normalisations, in inference form."""

from __future__ import annotations

import math

import numpy as np

from edgebench.converters.tflite import layout
from edgebench.converters.tflite.node import CannotLower, Node, lowers
from edgebench.converters.tflite.ops.shape import reshaped
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Value, aligned


def _per_channel(values: list[Value], rank: int) -> list[Value]:
    """Vectors of one number a channel, shaped (C, 1, ...) to broadcast over ONNX's axis 1."""
    shape = (-1,) + (1,) * (rank - 2)
    count = [math.prod(value.shape) for value in values]
    return [
        value.reshaped((n, *shape[1:]), layout.identity(rank - 1))
        for value, n in zip(values, count, strict=True)
    ]


@lowers("BatchNormalization")
def batch_normalization(node: Node) -> Value:
    """One multiplication and one addition; the statistics are constants of a trained model."""
    if node.outputs > 1 or node.attribute("training_mode", 0):
        raise CannotLower("it is in training mode")
    x = node.value()
    if not all(node.value(i).is_constant for i in range(1, 5)):
        return _computed_batch_normalization(node)
    scale, bias, mean, variance = (
        node.constant(i, "parameters").astype(np.float64) for i in range(1, 5)
    )
    gain = scale / np.sqrt(variance + node.attribute("epsilon", 1e-5))
    offset = bias - mean * gain
    vectors = [Value.of(v.astype(x.dtype)) for v in (gain, offset)]
    (data, a, b), order = aligned([x, *_per_channel(vectors, x.rank)])
    return Value(data * a + b, order)


def _computed_batch_normalization(node: Node) -> Value:
    x = node.value()
    parameters = _per_channel([node.value(i) for i in range(1, 5)], x.rank)
    (data, scale, bias, mean, variance), order = aligned([x, *parameters])
    gain = scale * tf.math.rsqrt(variance + np.float32(node.attribute("epsilon", 1e-5)))
    return Value((data - mean) * gain + bias, order)


@lowers("InstanceNormalization")
def instance_normalization(node: Node) -> Value:
    x = node.value()
    axes = x.axes(range(2, x.rank))
    centred = x.data - tf.reduce_mean(x.data, axes, keepdims=True)
    variance = tf.reduce_mean(centred * centred, axes, keepdims=True)
    inverse = tf.math.rsqrt(variance + np.float32(node.attribute("epsilon", 1e-5)))
    parameters = _per_channel([node.value(1), node.value(2)], x.rank)
    (data, scale, bias), order = aligned([x.like(centred * inverse), *parameters])
    return Value(data * scale + bias, order)


@lowers("LayerNormalization")
def layer_normalization(node: Node) -> list[Value]:
    x = node.value()
    axes = x.axes(range(node.attribute("axis", -1) % x.rank, x.rank))
    mean = tf.reduce_mean(x.data, axes, keepdims=True)
    centred = x.data - mean
    variance = tf.reduce_mean(centred * centred, axes, keepdims=True)
    inverse = tf.math.rsqrt(variance + np.float32(node.attribute("epsilon", 1e-5)))
    (data, scale), order = aligned([x.like(centred * inverse), node.value(1)])
    y = Value(data * scale, order)
    if node.has(2):
        (data, bias), order = aligned([y, node.value(2)])
        y = Value(data + bias, order)
    return [y, x.like(mean), x.like(inverse)][: node.outputs]


@lowers("GroupNormalization")
def group_normalization(node: Node) -> Value:
    """Each group's channels side by side, wherever the channels lie, so that no data moves."""
    x = node.value()
    groups, (batch, channels, *spatial) = node.attribute("num_groups"), x.shape
    grouped = reshaped(x, (batch, groups, channels // groups, *spatial))
    axes = grouped.axes(range(2, grouped.rank))
    centred = grouped.data - tf.reduce_mean(grouped.data, axes, keepdims=True)
    variance = tf.reduce_mean(centred * centred, axes, keepdims=True)
    inverse = tf.math.rsqrt(variance + np.float32(node.attribute("epsilon", 1e-5)))
    y = reshaped(grouped.like(centred * inverse), x.shape)
    parameters = _per_channel([node.value(1), node.value(2)], x.rank)
    (data, scale, bias), order = aligned([y, *parameters])
    return Value(data * scale + bias, order)


@lowers("LpNormalization")
def lp_normalization(node: Node) -> Value:
    """Zeros stay zeros."""
    x = node.value()
    axis = [x.axis(node.attribute("axis", -1))]
    if node.attribute("p", 2) == 1:
        norm = tf.reduce_sum(tf.abs(x.data), axis, keepdims=True)
    else:
        norm = tf.sqrt(tf.reduce_sum(tf.square(x.data), axis, keepdims=True))
    return x.like(x.data / tf.maximum(norm, np.finfo(np.float32).tiny))


@lowers("LRN")
def local_response_normalization(node: Node) -> Value:
    x = node.value().at(layout.CHANNELS_LAST)
    size = node.attribute("size")
    if size % 2 == 0:
        raise CannotLower("its size is even; TFLite's window is symmetric")
    y = tf.nn.local_response_normalization(
        x.data,
        depth_radius=size // 2,
        bias=node.attribute("bias", 1.0),
        alpha=node.attribute("alpha", 1e-4) / size,
        beta=node.attribute("beta", 0.75),
    )
    return x.like(y)
