"""The inverted residual with its own squeeze and excitation, of MobileNetV3 and EfficientNet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from edgebench.models.attention import Attention
from edgebench.models.backbones.staged import (
    ConvNorm,
    Layers,
    MakeLayer,
    Placing,
    Residual,
    depthwise,
    identity,
)


class OwnSqueezeExcite(Attention):
    """Squeeze and excitation as a backbone has it: y = x * gate(W2 act(W1 mean_HW(x)))."""

    gates = 1

    def __init__(self, channels: int, hidden: int, act: MakeLayer, gate: MakeLayer) -> None:
        super().__init__(channels, None)
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.act = act()
        self.expand = nn.Conv2d(hidden, channels, 1)
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.act(self.reduce(x.mean((2, 3), keepdim=True)))
        out: Tensor = x * self.gate(self.expand(squeezed))
        return out


MakeOwn = Callable[[int, int], Attention]
"""Makes a backbone's own attention for a block's input channels and its expanded ones."""


@dataclass(frozen=True)
class Inverted:
    """Expand (where that widens), filter in depth, attend, project: one row of a table.

    `attends` is whether the published network has attention in the block, which is where every kind
    stands.
    """

    inputs: int
    hidden: int
    outputs: int
    kernel: int
    stride: int
    act: MakeLayer
    attends: bool = True

    def build(self, placing: Placing, own: MakeOwn | None) -> Residual:
        body: Layers = {}
        if self.hidden != self.inputs:
            body["expand"] = ConvNorm(self.inputs, self.hidden, act=self.act)
        body["depthwise"] = depthwise(self.hidden, self.kernel, self.stride, self.act)
        body |= placing.inside(
            self.hidden,
            self.stride,
            own=None if own is None else lambda: own(self.inputs, self.hidden),
            published=self.attends,
        )
        body["project"] = ConvNorm(self.hidden, self.outputs)
        body |= placing.at_output(self.outputs)
        return Residual(body, self.stride, identity(self.stride, self.inputs, self.outputs))
