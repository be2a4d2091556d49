"""Activations."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from edgebench.converters.coreml.evaluator.operation import Call, CannotEvaluate, evaluates

PLAIN: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "softplus": lambda x: torch.log1p(torch.exp(-x.abs())) + torch.relu(x),
    "softsign": functional.softsign,
    "tanh": torch.tanh,
}

WITH_ALPHA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "elu": lambda x, alpha: torch.where(x > 0, x, alpha * torch.expm1(x)),
    "leaky_relu": lambda x, alpha: torch.where(x >= 0, x, alpha * x),
    "thresholded_relu": lambda x, alpha: torch.where(x >= alpha, x, torch.zeros_like(x)),
}

WITH_ALPHA_AND_BETA: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "clamped_relu": lambda x, a, b: torch.minimum(torch.where(x >= 0, x, a * x), b),
    "linear_activation": lambda x, a, b: a * x + b,
    "scaled_tanh": lambda x, a, b: a * torch.tanh(b * x),
    "sigmoid_hard": lambda x, a, b: torch.clamp(a * x + b, 0, 1),
}

# 1.702 is the slope at which x * sigmoid(slope * x) is nearest to x times the normal
# distribution's integral (Hendrycks, Gimpel, arXiv:1606.08415, section 2).
GELU: dict[str, Callable[[Tensor], Tensor]] = {
    "EXACT": functional.gelu,
    "TANH_APPROXIMATION": lambda x: functional.gelu(x, approximate="tanh"),
    "SIGMOID_APPROXIMATION": lambda x: x * torch.sigmoid(1.702 * x),
}


@evaluates("relu", exact=True)
def relu(call: Call) -> Tensor:
    return torch.relu(call.tensor())


@evaluates("relu6", exact=True)
def relu6(call: Call) -> Tensor:
    return functional.relu6(call.tensor())


@evaluates(*PLAIN)
def plain(call: Call) -> Tensor:
    return PLAIN[call.operation.op_type](call.tensor())


@evaluates(*WITH_ALPHA)
def with_alpha(call: Call) -> Tensor:
    return WITH_ALPHA[call.operation.op_type](call.tensor(), call.tensor("alpha"))


@evaluates(*WITH_ALPHA_AND_BETA)
def with_alpha_and_beta(call: Call) -> Tensor:
    function = WITH_ALPHA_AND_BETA[call.operation.op_type]
    return function(call.tensor(), call.tensor("alpha"), call.tensor("beta"))


@evaluates("gelu")
def gelu(call: Call) -> Tensor:
    mode = call.parameter("mode", "EXACT")
    if mode not in GELU:
        raise CannotEvaluate(f"its mode is {mode}")
    return GELU[mode](call.tensor())


@evaluates("prelu")
def prelu(call: Call) -> Tensor:
    x = call.tensor()
    return torch.where(x > 0, x, _over_channels(call.tensor("alpha"), x) * x)


@evaluates("softplus_parametric")
def softplus_parametric(call: Call) -> Tensor:
    x = call.tensor()
    alpha, beta = (_over_channels(call.tensor(name), x) for name in ("alpha", "beta"))
    return alpha * PLAIN["softplus"](beta * x)


@evaluates("softmax")
def softmax(call: Call) -> Tensor:
    return torch.softmax(call.tensor(), call.parameter("axis", -1))


def _over_channels(parameter: Tensor, x: Tensor) -> Tensor:
    """(channels,) as (channels, 1, ...), which broadcasts over what follows x's channels."""
    return parameter.reshape(-1, *[1] * (x.ndim - 2))
