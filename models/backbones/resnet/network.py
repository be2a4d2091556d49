"""ResNet-18 and ResNet-50 as tables.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1. The stride of a
bottleneck is in its 3x3 convolution, as in torchvision and timm.
"""

from __future__ import annotations

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
    initialise,
)
from edgebench.models.spec import ModelSpec

# Blocks in each stage, and how many times wider than its inside a block's output is.
VARIANTS = {"resnet18": ((2, 2, 2, 2), 1), "resnet50": ((3, 4, 6, 3), 4)}
CHANNELS = (64, 128, 256, 512)
STEM_CHANNELS = 64


class ResNet(Staged):
    """Attention stands at the end of the residual branch, before the sum, as in the papers on
    squeeze and excitation, CBAM, ECA and Triplet; `output` is the same place."""

    stem_stride = 4

    def __init__(self, spec: ModelSpec, attention: AttentionFactory | None, dropout: float) -> None:
        super().__init__()
        repeats, expansion = VARIANTS[spec.backbone]
        placing = Placing(spec, attention, self.stem_stride)
        channels = divisible(STEM_CHANNELS * spec.width)
        self.stem = nn.Sequential(ConvNorm(3, channels, 7, 2, act=nn.ReLU), nn.MaxPool2d(3, 2, 1))
        built = []
        for stage, count in enumerate(repeats):
            inside = divisible(CHANNELS[stage] * spec.width)
            for index in range(count):
                stride = 2 if stage and index == 0 else 1
                built.append(_block(channels, inside, expansion, stride, placing))
                channels = inside * expansion
        self.layers = nn.Sequential(*built)
        self.head = nn.Identity()
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, spec.num_classes))
        self.apply(initialise)
        rules = tuple(_torchvision(self.layers, repeats))
        self.weight_layouts = (WeightLayout("layer1.0.conv1.weight", rules),)

    @classmethod
    def build(cls, spec: ModelSpec, attention: AttentionFactory | None, dropout: float) -> Self:
        return cls(spec, attention, dropout)


def _block(inputs: int, inside: int, expansion: int, stride: int, placing: Placing) -> Residual:
    outputs = inside * expansion
    body: Layers
    if expansion == 1:
        body = {
            "conv1": ConvNorm(inputs, inside, 3, stride, act=nn.ReLU),
            "conv2": ConvNorm(inside, outputs, 3),
        }
    else:
        body = {
            "conv1": ConvNorm(inputs, inside, act=nn.ReLU),
            "conv2": ConvNorm(inside, inside, 3, stride, act=nn.ReLU),
            "conv3": ConvNorm(inside, outputs),
        }
    body |= placing.inside(outputs, stride) | placing.at_output(outputs)
    same = stride == 1 and inputs == outputs
    shortcut = nn.Identity() if same else ConvNorm(inputs, outputs, 1, stride)
    return Residual(body, stride, shortcut, nn.ReLU())


def _torchvision(layers: nn.Sequential, repeats: tuple[int, ...]) -> Iterator[layouts.Rule]:
    """torchvision's names, which timm has too."""
    yield from layouts.pair("conv1", "bn1", "stem.0")
    yield layouts.exactly("fc.", "classifier.1.")
    for index, ((stage, number), block) in enumerate(
        zip(layouts.places(repeats), layers, strict=True)
    ):
        assert isinstance(block, Residual)
        theirs, ours = f"layer{stage + 1}.{number}", f"layers.{index}"
        for part, _ in block.body.named_children():
            if part != ATTENTION:
                norm = part.replace("conv", "bn")
                yield from layouts.pair(
                    f"{theirs}.{part}", f"{theirs}.{norm}", f"{ours}.body.{part}"
                )
        downsample = f"{theirs}.downsample"
        yield from layouts.pair(f"{downsample}.0", f"{downsample}.1", f"{ours}.shortcut")
