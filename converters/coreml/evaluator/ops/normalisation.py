"""Normalisations."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from edgebench.converters.coreml.evaluator.operation import Call, evaluates


@evaluates("batch_norm")
def batch_norm(call: Call) -> Tensor:
    return functional.batch_norm(
        call.tensor(),
        call.tensor("mean"),
        call.tensor("variance"),
        call.optional("gamma"),
        call.optional("beta"),
        eps=call.parameter("epsilon", 1e-5),
    )


@evaluates("instance_norm")
def instance_norm(call: Call) -> Tensor:
    x = call.tensor()
    axes = list(range(2, x.ndim))
    shape = (-1, *[1] * len(axes))
    return _affine(_normalised(call, x, axes), call, shape)


@evaluates("layer_norm")
def layer_norm(call: Call) -> Tensor:
    x = call.tensor()
    axes = sorted(axis % x.ndim for axis in call.ints("axes", range(x.ndim)))
    shape = tuple(size if i in axes else 1 for i, size in enumerate(x.shape))
    return _affine(_normalised(call, x, axes), call, shape)


def _normalised(call: Call, x: Tensor, axes: list[int]) -> Tensor:
    centred = x - x.mean(axes, keepdim=True)
    variance = centred.square().mean(axes, keepdim=True)
    return centred / torch.sqrt(variance + call.parameter("epsilon", 1e-5))


def _affine(x: Tensor, call: Call, shape: tuple[int, ...]) -> Tensor:
    gamma, beta = call.optional("gamma"), call.optional("beta")
    if gamma is not None:
        x = x * gamma.reshape(shape)
    return x if beta is None else x + beta.reshape(shape)


@evaluates("l2_norm")
def l2_norm(call: Call) -> Tensor:
    """Over the last three axes together."""
    x = call.tensor()
    power = x.square().sum((-3, -2, -1), keepdim=True)
    return x / torch.sqrt(power + call.parameter("epsilon", 1e-6))


@evaluates("local_response_norm")
def local_response_norm(call: Call) -> Tensor:
    return functional.local_response_norm(
        call.tensor(),
        call.parameter("size"),
        call.parameter("alpha", 1e-4),
        call.parameter("beta", 0.75),
        call.parameter("k", 1.0),
    )
