"""Matrix products and attention."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from edgebench.converters.coreml.evaluator.operation import Call, evaluates


@evaluates("linear")
def linear(call: Call) -> Tensor:
    return functional.linear(call.tensor(), call.tensor("weight"), call.optional("bias"))


@evaluates("matmul")
def matmul(call: Call) -> Tensor:
    x, y = call.tensor("x"), call.tensor("y")
    # The flags say nothing about a vector.
    if call.parameter("transpose_x", False) and x.ndim > 1:
        x = x.transpose(-1, -2)
    if call.parameter("transpose_y", False) and y.ndim > 1:
        y = y.transpose(-1, -2)
    return torch.matmul(x, y)


@evaluates("einsum")
def einsum(call: Call) -> Tensor:
    return torch.einsum(call.parameter("equation"), *call.tensors("values"))


@evaluates("scaled_dot_product_attention")
def attention(call: Call) -> Tensor:
    """softmax(query keyᵀ / sqrt(size) + mask) value; False in a mask of booleans hides a key."""
    mask = call.optional("attn_mask")
    if mask is not None and mask.ndim == 1:  # one for every query, which torch wants to see
        mask = mask[None]
    q, k, v = (call.tensor(name) for name in ("query", "key", "value"))
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)


@evaluates("classify")
def classify(call: Call) -> tuple[object, Tensor]:
    """The label of the largest score, and the scores, in the sequence of the classes."""
    scores = call.tensor("probabilities").reshape(-1)
    classes = call.value("classes")
    return classes[int(scores.argmax())], scores
