"""MobileNetV4-Conv-S and -M as tables.

Qin et al., "MobileNetV4: Universal Models for the Mobile Ecosystem", ECCV 2024, tables 11 and 12.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from torch import Tensor, nn

from edgebench.models.backbones import layouts
from edgebench.models.backbones.backbone import AttentionFactory, divisible
from edgebench.models.backbones.staged import (
    ConvNorm,
    Layers,
    Placing,
    Residual,
    Staged,
    depthwise,
    identity,
    initialise,
)
from edgebench.models.spec import ModelSpec


class Conv(NamedTuple):
    """A convolution of all channels."""

    kernel: int
    outputs: int
    stride: int = 1


class Fused(NamedTuple):
    """A full convolution that expands, and a projection."""

    kernel: int
    expanded: int
    outputs: int
    stride: int = 1


class Universal(NamedTuple):
    """The universal inverted bottleneck.

    `start` and `middle` are the kernels of the depthwise convolutions before and after the
    expansion; 0 is none. The last of them has the stride.
    """

    start: int
    middle: int
    expanded: int
    outputs: int
    stride: int = 1


SMALL: tuple[tuple[Conv | Fused | Universal, ...], ...] = (
    (Conv(3, 32, 2), Conv(1, 32)),
    (Conv(3, 96, 2), Conv(1, 64)),
    (
        Universal(5, 5, 192, 96, 2),
        *[Universal(0, 3, 192, 96)] * 4,
        Universal(3, 0, 384, 96),
    ),
    (
        Universal(3, 3, 576, 128, 2),
        Universal(5, 5, 512, 128),
        Universal(0, 5, 512, 128),
        Universal(0, 5, 384, 128),
        Universal(0, 3, 512, 128),
        Universal(0, 3, 512, 128),
    ),
)
MEDIUM: tuple[tuple[Conv | Fused | Universal, ...], ...] = (
    (Fused(3, 128, 48, 2),),
    (Universal(3, 5, 192, 80, 2), Universal(3, 3, 160, 80)),
    (
        Universal(3, 5, 480, 160, 2),
        Universal(3, 3, 640, 160),
        Universal(3, 3, 640, 160),
        Universal(3, 5, 640, 160),
        Universal(3, 3, 640, 160),
        Universal(3, 0, 640, 160),
        Universal(0, 0, 320, 160),
        Universal(3, 0, 640, 160),
    ),
    (
        Universal(5, 5, 960, 256, 2),
        Universal(5, 5, 1024, 256),
        Universal(3, 5, 1024, 256),
        Universal(3, 5, 1024, 256),
        Universal(0, 0, 1024, 256),
        Universal(3, 0, 1024, 256),
        Universal(3, 5, 512, 256),
        Universal(5, 5, 1024, 256),
        Universal(0, 0, 1024, 256),
        Universal(0, 0, 1024, 256),
        Universal(5, 0, 512, 256),
    ),
)
VARIANTS = {"mobilenet_v4_conv_s": SMALL, "mobilenet_v4_conv_m": MEDIUM}
STEM_CHANNELS = 32
HEAD_CHANNELS = 960
LAST_CHANNELS = 1280


class _Pooled(nn.Module):
    """The layer between the mean and the classifier: (N, C) to (N, C')."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layer = ConvNorm(inputs, outputs, act=nn.ReLU)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x[:, :, None, None]).flatten(1)
        return out


class MobileNetV4(Staged):
    """The published networks have no attention. Here it stands where MobileNetV2's does, on the
    expanded channels before the projection, in every block that has one."""

    stem_stride = 2

    def __init__(self, spec: ModelSpec, attention: AttentionFactory | None, dropout: float) -> None:
        super().__init__()
        stages = VARIANTS[spec.backbone]
        placing = Placing(spec, attention, self.stem_stride)
        channels = divisible(STEM_CHANNELS * spec.width)
        self.stem = ConvNorm(3, channels, 3, self.stem_stride, act=nn.ReLU)
        built = []
        for row in (row for stage in stages for row in stage):
            outputs = divisible(row.outputs * spec.width)
            built.append(_block(row, channels, outputs, spec.width, placing))
            channels = outputs
        self.layers = nn.Sequential(*built)
        wide, last = (divisible(c * spec.width) for c in (HEAD_CHANNELS, LAST_CHANNELS))
        self.head = ConvNorm(channels, wide, act=nn.ReLU)
        self.classifier = nn.Sequential(
            _Pooled(wide, last), nn.Dropout(dropout), nn.Linear(last, spec.num_classes)
        )
        self.apply(initialise)

        where = layouts.places(map(len, stages))
        self.weight_layouts = (
            layouts.timm(
                layouts.timm_blocks(self.layers, where),
                *layouts.pair(
                    f"blocks.{len(stages)}.0.conv", f"blocks.{len(stages)}.0.bn1", "head"
                ),
                *layouts.pair("conv_head", "norm_head", "classifier.0.layer"),
                layouts.exactly("classifier.", "classifier.2."),
            ),
        )

    @classmethod
    def build(cls, spec: ModelSpec, attention: AttentionFactory | None, dropout: float) -> Self:
        return cls(spec, attention, dropout)


def _block(
    row: Conv | Fused | Universal, inputs: int, outputs: int, width: float, placing: Placing
) -> Residual:
    if isinstance(row, Conv):
        placing.stride *= row.stride
        conv = ConvNorm(inputs, outputs, row.kernel, row.stride, act=nn.ReLU)
        return Residual({"conv": conv}, row.stride)
    hidden = divisible(row.expanded * width)
    body: Layers
    if isinstance(row, Fused):
        body = {"fused": ConvNorm(inputs, hidden, row.kernel, row.stride, act=nn.ReLU)}
    else:
        body = {}
        if row.start:
            body["start"] = depthwise(inputs, row.start, 1 if row.middle else row.stride)
        body["expand"] = ConvNorm(inputs, hidden, act=nn.ReLU)
        if row.middle:
            body["middle"] = depthwise(hidden, row.middle, row.stride, nn.ReLU)
    body |= placing.inside(hidden, row.stride)
    body["project"] = ConvNorm(hidden, outputs)
    body |= placing.at_output(outputs)
    return Residual(body, row.stride, identity(row.stride, inputs, outputs))
