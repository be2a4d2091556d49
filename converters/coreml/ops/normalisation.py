"""Normalisations, in inference form."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgebench.converters.coreml.mil import mb
from edgebench.converters.coreml.node import CannotLower, Node, lowers
from edgebench.converters.coreml.value import Value

# Above zero in float16 too.
_LEAST_LENGTH = 1e-7


@lowers("BatchNormalization")
def batch_normalization(node: Node) -> Value:
    if node.outputs > 1 or node.attribute("training_mode", 0):
        raise CannotLower("it is in training mode")
    x = node.value()
    epsilon = node.attribute("epsilon", 1e-5)
    parameters = [node.value(i) for i in range(1, 5)]
    if all(value.is_constant for value in parameters):
        scale, bias, mean, variance = (value.array.astype(np.float64) for value in parameters)
        if 3 <= x.rank <= 5:
            gamma, beta, means, variances = (v.array.astype(x.dtype) for v in parameters)
            return Value(
                mb.batch_norm(
                    x=x.data,
                    mean=means,
                    variance=variances,
                    gamma=gamma,
                    beta=beta,
                    epsilon=x.number(epsilon),
                )
            )
        gain = scale / np.sqrt(variance + epsilon)
        offset = bias - mean * gain
        scaled = mb.mul(x=x.data, y=_over_channels(gain.astype(x.dtype), x.rank))
        return Value(mb.add(x=scaled, y=_over_channels(offset.astype(x.dtype), x.rank)))
    gamma, beta, means, variances = (_over_channels(v.mil, x.rank) for v in parameters)
    spread = mb.sqrt(x=mb.add(x=variances, y=x.number(epsilon)))
    return Value(_affine(mb.real_div(x=mb.sub(x=x.data, y=means), y=spread), gamma, beta))


def _over_channels(vector: Any, rank: int) -> Any:
    """One number a channel, shaped (C, 1, ...) to broadcast over ONNX's axis 1."""
    shape = [-1] + [1] * (rank - 2)
    if isinstance(vector, np.ndarray):
        return vector.reshape(shape)
    return mb.reshape(x=vector, shape=[vector.shape[0], *shape[1:]])


def _affine(x: Any, scale: Any, bias: Any) -> Any:
    return mb.add(x=mb.mul(x=x, y=scale), y=bias)


def _standardised(x: Any, axes: list[int], epsilon: Any) -> tuple[Any, Any, Any]:
    """x with zero mean and unit variance over the axes, that mean, and 1 / deviation."""
    mean = mb.reduce_mean(x=x, axes=axes, keep_dims=True)
    centred = mb.sub(x=x, y=mean)
    variance = mb.reduce_mean(x=mb.square(x=centred), axes=axes, keep_dims=True)
    deviation = mb.sqrt(x=mb.add(x=variance, y=epsilon))
    return mb.real_div(x=centred, y=deviation), mean, deviation


@lowers("InstanceNormalization")
def instance_normalization(node: Node) -> Value:
    x, scale, bias = (node.value(i) for i in range(3))
    epsilon = x.number(node.attribute("epsilon", 1e-5))
    if scale.is_constant and bias.is_constant and x.rank in (3, 4):
        return Value(mb.instance_norm(x=x.data, gamma=scale.mil, beta=bias.mil, epsilon=epsilon))
    y, _, _ = _standardised(x.data, list(range(2, x.rank)), epsilon)
    return Value(_affine(y, _over_channels(scale.mil, x.rank), _over_channels(bias.mil, x.rank)))


@lowers("LayerNormalization")
def layer_normalization(node: Node) -> list[Value]:
    x, scale = node.value(0), node.value(1)
    axes = list(range(node.attribute("axis", -1) % x.rank, x.rank))
    epsilon = x.number(node.attribute("epsilon", 1e-5))
    bias = node.value(2) if node.has(2) else None
    extents = tuple(x.shape[axis] for axis in axes)
    plain = scale.is_constant and scale.shape == extents
    plain = plain and (bias is None or (bias.is_constant and bias.shape == extents))
    if plain and node.outputs == 1:
        beta = None if bias is None else bias.mil
        return [
            Value(mb.layer_norm(x=x.data, axes=axes, gamma=scale.mil, beta=beta, epsilon=epsilon))
        ]
    y, mean, deviation = _standardised(x.data, axes, epsilon)
    y = mb.mul(x=y, y=scale.mil)
    if bias is not None:
        y = mb.add(x=y, y=bias.mil)
    if node.outputs == 1:
        return [Value(y)]
    inverse = mb.real_div(x=x.number(1), y=deviation)
    return [Value(y), Value(mean), Value(inverse)][: node.outputs]


@lowers("GroupNormalization")
def group_normalization(node: Node) -> Value:
    x = node.value()
    epsilon = x.number(node.attribute("epsilon", 1e-5))
    grouped = mb.reshape(x=x.data, shape=[x.shape[0], node.attribute("num_groups"), -1])
    y, _, _ = _standardised(grouped, [2], epsilon)
    scale, bias = (_over_channels(node.value(i).mil, x.rank) for i in (1, 2))
    y = mb.reshape(x=y, shape=list(x.shape))
    return Value(_affine(y, scale, bias))


@lowers("LpNormalization")
def lp_normalization(node: Node) -> Value:
    """Zeros stay zeros."""
    x = node.value()
    axes = [node.attribute("axis", -1) % x.rank]
    norm = mb.reduce_l1_norm if node.attribute("p", 2) == 1 else mb.reduce_l2_norm
    length = mb.maximum(x=norm(x=x.data, axes=axes, keep_dims=True), y=x.number(_LEAST_LENGTH))
    return Value(mb.real_div(x=x.data, y=length))


@lowers("LRN")
def local_response_normalization(node: Node) -> Value:
    x, size = node.value(), node.attribute("size")
    if size % 2 == 0:
        raise CannotLower("its size is even; Core ML's window is symmetric")
    return Value(
        mb.local_response_norm(
            x=x.data,
            size=size,
            alpha=x.number(node.attribute("alpha", 1e-4)),
            beta=x.number(node.attribute("beta", 0.75)),
            k=x.number(node.attribute("bias", 1.0)),
        )
    )
