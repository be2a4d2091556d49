"""DeepLabV3 and LR-ASPP: a score for each class and pixel."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edgebench.models.backbones.backbone import divisible
from edgebench.models.backbones.staged import ConvNorm, Layers
from edgebench.models.spec import ModelSpec

LOGITS = "logits"
_ASPP_CHANNELS, _LRASPP_CHANNELS = 256, 128


class _Pooled(nn.Module):
    """The mean of a map, through a layer, for every pixel: (N, C, H, W) to (N, C', H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.reduce = ConvNorm(inputs, outputs, act=nn.ReLU)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.reduce(x.mean((2, 3), keepdim=True))
        return found.expand(-1, -1, x.shape[2], x.shape[3])


def _dilated(inputs: int, outputs: int, rate: int) -> nn.Module:
    layer = ConvNorm(inputs, outputs, 3, act=nn.ReLU)
    convolution = layer.conv
    assert isinstance(convolution, nn.Conv2d)
    convolution.dilation, convolution.padding = (rate, rate), (rate, rate)
    return layer


class DeepLabV3(nn.Module):
    """A map of stride 16 to `logits` (N, classes, S, S), for an input of S pixels.

    Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017, section
    3.3. MobileNetV3 has the rates and the one convolution more of torchvision's.
    """

    outputs = (LOGITS,)

    def __init__(self, spec: ModelSpec, channels: Sequence[int]) -> None:
        super().__init__()
        inputs = channels[-1]
        width = divisible(_ASPP_CHANNELS * spec.width)
        theirs = spec.backbone.startswith("mobilenet_v3")
        rates = (12, 24, 36) if theirs else (6, 12, 18)
        self.convs = nn.ModuleList(
            [
                ConvNorm(inputs, width, act=nn.ReLU),
                *(_dilated(inputs, width, rate) for rate in rates),
                _Pooled(inputs, width),
            ]
        )
        self.project = ConvNorm(len(self.convs) * width, width, act=nn.ReLU)
        layers: Layers = {"dropout": nn.Dropout(0.5)}
        if theirs:
            layers["refine"] = ConvNorm(width, width, 3, act=nn.ReLU)
        layers["classify"] = nn.Conv2d(width, spec.num_classes, 1)
        self.last = nn.Sequential(OrderedDict(layers))
        self.size = spec.input_size

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor]:
        joined = torch.cat([convolution(maps[-1]) for convolution in self.convs], 1)
        return (_enlarged(self.last(self.project(joined)), self.size),)


class LrAspp(nn.Module):
    """Maps of stride 8 and 16 to `logits` (N, classes, S, S), for an input of S pixels.

    Howard et al., "Searching for MobileNetV3", ICCV 2019, section 6.4, with the mean over the
    whole map, as torchvision has it.
    """

    outputs = (LOGITS,)

    def __init__(self, spec: ModelSpec, channels: Sequence[int]) -> None:
        super().__init__()
        low, high = channels
        width = divisible(_LRASPP_CHANNELS * spec.width)
        self.reduce = ConvNorm(high, width, act=nn.ReLU)
        self.scale = nn.Conv2d(high, width, 1, bias=False)
        self.low = nn.Conv2d(low, spec.num_classes, 1)
        self.high = nn.Conv2d(width, spec.num_classes, 1)
        self.size = spec.input_size

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor]:
        low, high = maps
        gate = torch.sigmoid(self.scale(high.mean((2, 3), keepdim=True)))
        gated = _enlarged(self.reduce(high) * gate, low.shape[-1])
        return (_enlarged(self.low(low) + self.high(gated), self.size),)


def _enlarged(x: Tensor, size: int) -> Tensor:
    return nn.functional.interpolate(x, (size, size), mode="bilinear", align_corners=False)
