"""Count what a network holds and computes, without computing it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgebench.models.attention import Attention


@dataclass(frozen=True)
class Cost:
    """`madds` counts convolutions and linear layers, as the papers do.

    `multiplies` counts the elementwise products by which attention gates its map, which the papers
    leave out.
    """

    parameters: int
    madds: int
    multiplies: int


def count(module: nn.Module, input_size: int) -> Cost:
    """The cost of one image (1, 3, S, S). The module is read, not changed.

    It is best built under `torch.device("meta")`, where a forward pass costs nothing.
    """
    totals = {"madds": 0, "multiplies": 0}

    def convolution(layer: nn.Conv2d, _: object, output: Tensor) -> None:
        totals["madds"] += output[0].numel() * layer.weight[0].numel()

    def linear(layer: nn.Linear, _: object, output: Tensor) -> None:
        totals["madds"] += output[0].numel() * layer.in_features

    def attention(layer: Attention, _: object, output: Tensor) -> None:
        totals["multiplies"] += layer.gates * output[0].numel()

    hooks = {nn.Conv2d: convolution, nn.Linear: linear, Attention: attention}
    handles = [
        layer.register_forward_hook(hook)
        for layer in module.modules()
        for kind, hook in hooks.items()
        if isinstance(layer, kind)
    ]
    device = next(module.parameters()).device
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            module(torch.empty(1, 3, input_size, input_size, device=device))
    finally:
        module.train(was_training)
        for handle in handles:
            handle.remove()
    return Cost(sum(p.numel() for p in module.parameters()), **totals)
