"""MobileNeXt as a table.

Zhou et al., "Rethinking Bottleneck Structure for Efficient Mobile Network Design", ECCV 2020, table
2, with the whole identity (the paper's alpha = 1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Self

from torch import nn

from edgebench.models.backbones import layouts
from edgebench.models.backbones.backbone import AttentionFactory, WeightLayout, divisible
from edgebench.models.backbones.staged import (
    ATTENTION,
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

# Reduction, output channels, repeats, stride of the first: table 2 of the paper.
STAGES = (
    (2, 96, 1, 2),
    (6, 144, 1, 1),
    (6, 192, 3, 2),
    (6, 288, 3, 2),
    (6, 384, 4, 1),
    (6, 576, 4, 2),
    (6, 960, 3, 1),
    (6, 1280, 1, 1),
)
STEM_CHANNELS = 32
LAST_CHANNELS = 1280
# The narrow channels are at least the wide ones over this, in multiples of this.
LEAST_SHARE = 6
NARROW_MULTIPLE = 16


class MobileNeXt(Staged):
    """Sandglass blocks: filter in depth on wide maps, narrow, widen, filter in depth.

    Attention stands on the wide channels, after the activation that follows the widening. Where the
    coordinate attention paper has it could not be read: its parameter counts for this backbone were
    not reproduced by any place that was tried.
    """

    stem_stride = 2

    def __init__(self, spec: ModelSpec, attention: AttentionFactory | None, dropout: float) -> None:
        super().__init__()
        placing = Placing(spec, attention, self.stem_stride)
        channels = divisible(STEM_CHANNELS * spec.width)
        self.stem = ConvNorm(3, channels, 3, self.stem_stride, act=nn.ReLU6)
        built = []
        for reduction, stage_channels, repeats, first_stride in STAGES:
            outputs = divisible(stage_channels * spec.width)
            if stage_channels == LAST_CHANNELS:
                outputs = max(outputs, LAST_CHANNELS)
            # A stage of one block without a stride keeps both depthwise convolutions.
            whole = repeats == 1 and first_stride == 1
            for index in range(repeats):
                stride = first_stride if index == 0 else 1
                built.append(_sandglass(channels, outputs, reduction, stride, whole, placing))
                channels = outputs
        self.layers = nn.Sequential(*built)
        self.head = nn.Identity()
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, spec.num_classes))
        self.apply(initialise)
        self.weight_layouts = (WeightLayout("features.0.0.weight", tuple(_authors(self.layers))),)

    @classmethod
    def build(cls, spec: ModelSpec, attention: AttentionFactory | None, dropout: float) -> Self:
        return cls(spec, attention, dropout)


def _sandglass(
    inputs: int, outputs: int, reduction: int, stride: int, whole: bool, placing: Placing
) -> Residual:
    narrow = inputs // reduction
    if narrow < outputs / LEAST_SHARE:
        narrow = divisible(math.ceil(outputs / LEAST_SHARE), NARROW_MULTIPLE)
    keeps = inputs == outputs or whole
    body: Layers = {}
    if keeps or reduction == STAGES[0][0]:
        body["first"] = depthwise(inputs, 3, act=nn.ReLU6)
    body["reduce"] = ConvNorm(inputs, narrow)
    body["expand"] = ConvNorm(narrow, outputs, act=nn.ReLU6)
    body |= placing.inside(outputs, stride)
    if keeps or stride > 1:
        body["last"] = depthwise(outputs, 3, stride)
    body |= placing.at_output(outputs)
    return Residual(body, stride, identity(stride, inputs, outputs))


def _authors(layers: nn.Sequential) -> Iterator[layouts.Rule]:
    """The authors' names: the layers of a block numbered in one flat sequence."""
    yield from layouts.pair("features.0.0", "features.0.1", "stem")
    for index, block in enumerate(layers):
        assert isinstance(block, Residual)
        number = 0
        for part, layer in block.body.named_children():
            if part == ATTENTION:
                continue
            theirs = f"features.{index + 1}.conv"
            norm = f"{theirs}.{number + 1}"
            yield from layouts.pair(f"{theirs}.{number}", norm, f"layers.{index}.body.{part}")
            number += len(list(layer.children()))
