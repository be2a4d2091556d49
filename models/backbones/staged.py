"""Networks that are a stem, blocks in a row, a head and a classifier: all but MobileNetV2.

A backbone of this kind is a table and a few lines that turn each row into a `Residual`. Names of
weights follow what a layer is for, such as `layers.3.body.depthwise.conv.weight`; the tables of
`layouts.py` lead to other projects' names.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from edgebench.models.attention import Attention
from edgebench.models.backbones.backbone import AttentionFactory, Backbone, Block
from edgebench.models.kinds import AT
from edgebench.models.spec import OWN, ModelSpec

ATTENTION = "attention"
# The stride to the input from which on `late` places attention: 14x14 maps at 224, and smaller.
LATE_STRIDE = 16


def stands_inside(placement: str, stride: int) -> bool:
    """Whether there is attention inside a block whose output has this stride to the input."""
    if placement == "late":
        return stride >= LATE_STRIDE
    if placement.startswith(AT):
        return str(stride.bit_length() - 1) in placement.removeprefix(AT)
    return placement != "output"


Layers = dict[str, nn.Module]
MakeLayer = Callable[[], nn.Module]


class ConvNorm(nn.Sequential):
    """Convolution, batch norm, and an activation where one is given."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        act: MakeLayer | None = None,
    ) -> None:
        padding = kernel // 2
        layers: Layers = {
            "conv": nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
            "norm": nn.BatchNorm2d(outputs),
        }
        if act is not None:
            layers["act"] = act()
        super().__init__(OrderedDict(layers))


def depthwise(
    channels: int, kernel: int, stride: int = 1, act: MakeLayer | None = None
) -> nn.Module:
    """One filter for each channel, batch norm, and an activation where one is given."""
    return ConvNorm(channels, channels, kernel, stride, channels, act)


class Residual(nn.Module):
    """`body` and, where there is a `shortcut`, the sum with it: (N, C, H, W) to (N, C', H/s, W/s).

    `after` follows the sum.
    """

    def __init__(
        self,
        body: Mapping[str, nn.Module],
        stride: int,
        shortcut: nn.Module | None = None,
        after: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(OrderedDict(body))
        self.shortcut = shortcut
        self.after = after
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        return y if self.after is None else self.after(y)


def identity(stride: int, inputs: int, outputs: int) -> nn.Module | None:
    """The shortcut of the mobile networks: the input itself, where the shapes allow it."""
    return nn.Identity() if stride == 1 and inputs == outputs else None


@dataclass
class Placing:
    """Which blocks get attention, and where in them. Follows the stride from block to block."""

    spec: ModelSpec
    make: AttentionFactory | None
    stride: int

    def inside(
        self, channels: int, stride: int, own: MakeLayer | None = None, published: bool = True
    ) -> Layers:
        """The attention inside the next block, which has this stride; empty where there is none.

        `own` makes what the backbone itself has there. `published` is whether the papers have
        attention in this block.
        """
        self.stride *= stride
        make = own if self.spec.attention == OWN else self._make(channels)
        if make is None or not published or not stands_inside(self.spec.placement, self.stride):
            return {}
        return {ATTENTION: make()}

    def _make(self, channels: int) -> MakeLayer | None:
        make = self.make
        return None if make is None else lambda: make(channels)

    def at_output(self, channels: int) -> Layers:
        """The attention at the end of a block's body, for the placement that wants it there."""
        if self.make is None or self.spec.placement != "output":
            return {}
        return {ATTENTION: self.make(channels)}


class Staged(Backbone):
    """(N, 3, S, S) normalised floats to (N, classes) logits.

    `stem` and `head` are no feature maps. `head` works on the last map, `classifier` on its mean.
    """

    stem: nn.Module
    layers: nn.Sequential
    head: nn.Module
    classifier: nn.Module
    stem_stride: int

    def blocks(self) -> tuple[Block, ...]:
        return tuple(
            Block(stride.bit_length() - 1, f"layers.{index}", _attention(f"layers.{index}", layer))
            for index, (stride, layer) in enumerate(self._strides())
        )

    def feature_maps(self, x: Tensor, strides: Sequence[int]) -> tuple[Tensor, ...]:
        last = {stride: index for index, (stride, _) in enumerate(self._strides())}
        missing = set(strides) - set(last)
        if missing:
            raise ValueError(f"no map has stride {min(missing)}; there are {sorted(last)}")
        x = self.stem(x)
        found = {}
        for index, layer in enumerate(self.layers):
            x = layer(x)
            found[index] = x
        return tuple(found[last[stride]] for stride in strides)

    def _strides(self) -> Iterator[tuple[int, nn.Module]]:
        """Every block with its output's stride to the input."""
        stride = self.stem_stride
        for layer in self.layers:
            assert isinstance(layer, Residual)
            stride *= layer.stride
            yield stride, layer

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(self.layers(self.stem(x)))
        out: Tensor = self.classifier(x.mean((2, 3)))
        return out


def _attention(path: str, block: nn.Module) -> str | None:
    """The path of a block's attention. One that was taken out has left an identity."""
    names = (name for name, part in block.named_modules() if isinstance(part, Attention))
    return next((f"{path}.{name}" for name in names), None)


def initialise(module: nn.Module) -> None:
    """He's initialisation over the fan out for convolutions, a narrow normal for linear layers."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.01)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
