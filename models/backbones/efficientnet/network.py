"""EfficientNet-B0 and Lite0 as a table.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019,
table 1. Lite0 (Google, 2020) is the same network with ReLU6 for SiLU and without squeeze and
excitation.
"""

from __future__ import annotations

from typing import Self

from torch import nn

from edgebench.models.attention import Attention
from edgebench.models.backbones import layouts
from edgebench.models.backbones.backbone import AttentionFactory, divisible
from edgebench.models.backbones.inverted import Inverted, OwnSqueezeExcite
from edgebench.models.backbones.staged import ConvNorm, Placing, Staged, initialise
from edgebench.models.spec import ModelSpec

# Expansion, output channels, repeats, stride of the first, kernel: table 1 of the paper.
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
STEM_CHANNELS = 32
LAST_CHANNELS = 1280
# The hidden channels of squeeze and excitation, as a share of the block's input.
SQUEEZE = 4

VARIANTS = ("efficientnet_b0", "efficientnet_lite0")


def _squeeze(inputs: int, hidden: int) -> Attention:
    return OwnSqueezeExcite(hidden, max(1, inputs // SQUEEZE), nn.SiLU, nn.Sigmoid)


class EfficientNet(Staged):
    """Attention stands between depthwise and projection of all 16 blocks."""

    stem_stride = 2

    def __init__(self, spec: ModelSpec, attention: AttentionFactory | None, dropout: float) -> None:
        super().__init__()
        lite = spec.backbone == "efficientnet_lite0"
        act = nn.ReLU6 if lite else nn.SiLU
        placing = Placing(spec, attention, self.stem_stride)
        channels = divisible(STEM_CHANNELS * spec.width)
        self.stem = ConvNorm(3, channels, 3, self.stem_stride, act=act)
        rows = []
        for expansion, stage_channels, repeats, first_stride, kernel in STAGES:
            outputs = divisible(stage_channels * spec.width)
            for index in range(repeats):
                stride = first_stride if index == 0 else 1
                hidden = channels * expansion
                rows.append(Inverted(channels, hidden, outputs, kernel, stride, act))
                channels = outputs
        self.layers = nn.Sequential(
            *(row.build(placing, None if lite else _squeeze) for row in rows)
        )
        last = divisible(LAST_CHANNELS * spec.width)
        self.head = ConvNorm(channels, last, act=act)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, spec.num_classes))
        self.apply(initialise)

        where = layouts.places(stage[2] for stage in STAGES)
        names = [f"features.{stage + 1}.{number}" for stage, number in where]
        self.weight_layouts = (
            layouts.torchvision(
                len(STAGES) + 1,
                layouts.torchvision_blocks(self.layers, names, [not lite] * len(rows)),
            ),
            layouts.timm(
                layouts.timm_blocks(self.layers, where),
                *layouts.pair("conv_head", "bn2", "head"),
                layouts.exactly("classifier.", "classifier.1."),
            ),
        )

    @classmethod
    def build(cls, spec: ModelSpec, attention: AttentionFactory | None, dropout: float) -> Self:
        return cls(spec, attention, dropout)
