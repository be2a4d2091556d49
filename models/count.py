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

    def add(layer: nn.Module, _: object, output: Tensor) -> None:
        elements = output[0].numel()
        if isinstance(layer, Attention):
            totals["multiplies"] += layer.gates * elements
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            totals["madds"] += elements * layer.weight[0].numel()

    handles = [layer.register_forward_hook(add) for layer in module.modules()]
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
