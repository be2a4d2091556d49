"""MobileNetV3-Large and -Small as tables.

Howard et al., "Searching for MobileNetV3", ICCV 2019, tables 1 and 2.
"""

from __future__ import annotations

from typing import Self

from torch import nn

from edgebench.models.attention import Attention
from edgebench.models.backbones import layouts
from edgebench.models.backbones.backbone import AttentionFactory, divisible
from edgebench.models.backbones.inverted import Inverted, OwnSqueezeExcite
from edgebench.models.backbones.staged import ConvNorm, MakeLayer, Placing, Staged, initialise
from edgebench.models.spec import ModelSpec

_RE: MakeLayer = nn.ReLU
_HS: MakeLayer = nn.Hardswish

Stages = tuple[tuple[tuple[int, int, int, bool, MakeLayer, int], ...], ...]
"""Kernel, expanded channels, output channels, squeeze and excitation, activation, stride."""

LARGE: Stages = (
    ((3, 16, 16, False, _RE, 1),),
    ((3, 64, 24, False, _RE, 2), (3, 72, 24, False, _RE, 1)),
    ((5, 72, 40, True, _RE, 2), (5, 120, 40, True, _RE, 1), (5, 120, 40, True, _RE, 1)),
    (
        (3, 240, 80, False, _HS, 2),
        (3, 200, 80, False, _HS, 1),
        (3, 184, 80, False, _HS, 1),
        (3, 184, 80, False, _HS, 1),
    ),
    ((3, 480, 112, True, _HS, 1), (3, 672, 112, True, _HS, 1)),
    ((5, 672, 160, True, _HS, 2), (5, 960, 160, True, _HS, 1), (5, 960, 160, True, _HS, 1)),
)
SMALL: Stages = (
    ((3, 16, 16, True, _RE, 2),),
    ((3, 72, 24, False, _RE, 2), (3, 88, 24, False, _RE, 1)),
    ((5, 96, 40, True, _HS, 2), (5, 240, 40, True, _HS, 1), (5, 240, 40, True, _HS, 1)),
    ((5, 120, 48, True, _HS, 1), (5, 144, 48, True, _HS, 1)),
    ((5, 288, 96, True, _HS, 2), (5, 576, 96, True, _HS, 1), (5, 576, 96, True, _HS, 1)),
)
# The stages, and the channels before the classifier.
VARIANTS = {"mobilenet_v3_large": (LARGE, 1280), "mobilenet_v3_small": (SMALL, 1024)}
STEM_CHANNELS = 16
# The channels after the last stage, as a multiple of its own.
LAST_EXPANSION = 6
# The hidden channels of squeeze and excitation, as a share of the expanded ones.
SQUEEZE = 4
# What torchvision's and TensorFlow's networks add to the variance.
NORM_EPSILON = 1e-3
# A detector has half of the channels in the last stage and after it: section 6.3 of the paper.
REDUCED = "ssdlite"


def _reduced(stages: Stages) -> Stages:
    """With half of the channels that the first block of the last stage gives, and after it."""
    first, *others = stages[-1]
    kernel, expanded, channels, attends, act, stride = first
    half = [(kernel, expanded, channels // 2, attends, act, stride)]
    for kernel, expanded, channels, attends, act, stride in others:
        half.append((kernel, expanded // 2, channels // 2, attends, act, stride))
    return (*stages[:-1], tuple(half))


def _squeeze(_: int, hidden: int) -> Attention:
    return OwnSqueezeExcite(hidden, divisible(hidden // SQUEEZE), nn.ReLU, nn.Hardsigmoid)


class MobileNetV3(Staged):
    """Attention stands after the depthwise convolution of the blocks that the paper gives squeeze
    and excitation: 8 of 15 in Large, 9 of 11 in Small."""

    stem_stride = 2

    def __init__(self, spec: ModelSpec, attention: AttentionFactory | None, dropout: float) -> None:
        super().__init__()
        stages, classifier_channels = VARIANTS[spec.backbone]
        placing = Placing(spec, attention, self.stem_stride)
        channels = divisible(STEM_CHANNELS * spec.width)
        self.stem = ConvNorm(3, channels, 3, self.stem_stride, act=_HS)
        rows = []
        for kernel, expanded, stage_channels, attends, act, stride in (
            row for stage in (_reduced(stages) if spec.head == REDUCED else stages) for row in stage
        ):
            outputs = divisible(stage_channels * spec.width)
            hidden = divisible(expanded * spec.width)
            rows.append(Inverted(channels, hidden, outputs, kernel, stride, act, attends))
            channels = outputs
        self.layers = nn.Sequential(*(row.build(placing, _squeeze) for row in rows))
        last = LAST_EXPANSION * channels
        wide = divisible(classifier_channels * spec.width)
        self.head = ConvNorm(channels, last, act=_HS)
        self.classifier = nn.Sequential(
            nn.Linear(last, wide), _HS(), nn.Dropout(dropout), nn.Linear(wide, spec.num_classes)
        )
        self.apply(initialise)

        where = layouts.places(map(len, stages))
        names = [f"features.{index + 1}" for index in range(len(rows))]
        self.weight_layouts = (
            layouts.torchvision(
                len(rows) + 1,
                layouts.torchvision_blocks(self.layers, names, [row.attends for row in rows]),
                norm_epsilon=NORM_EPSILON,
            ),
            layouts.timm(
                layouts.timm_blocks(self.layers, where),
                *layouts.pair(
                    f"blocks.{len(stages)}.0.conv", f"blocks.{len(stages)}.0.bn1", "head"
                ),
                layouts.exactly("conv_head.", "classifier.0."),
                layouts.exactly("classifier.", "classifier.3."),
            ),
        )

    @classmethod
    def build(cls, spec: ModelSpec, attention: AttentionFactory | None, dropout: float) -> Self:
        return cls(spec, attention, dropout)
