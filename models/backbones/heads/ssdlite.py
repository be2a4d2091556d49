"""SSDLite: what six maps say of the boxes around them, by depthwise convolutions.

Sandler et al., "MobileNetV2", CVPR 2018, section 6.2; the maps, their channels and anchors are
those of the coordinate attention authors' detector on MobileNetV2 and MobileNeXt, and
torchvision's on MobileNetV3.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edgebench.models.backbones.backbone import divisible
from edgebench.models.backbones.heads import default_boxes
from edgebench.models.backbones.staged import ConvNorm, Layers, depthwise
from edgebench.models.spec import ModelSpec

OFFSETS, LOGITS = "offsets", "logits"
BACKGROUND = 0
"""The class of an anchor with nothing in it."""

# The channels of the four maps after the backbone's, and those within each layer beside its input.
_CHANNELS = (512, 256, 256, 128)
_LAST_OF_V2 = 64
_HIDDEN_SHARES = (0.2, 0.5, 0.5, 0.5)


class SsdLite(nn.Module):
    """Two maps of a backbone and the one to continue, to `offsets` (N, anchors, 4) and `logits`
    (N, anchors, classes), before a softmax, with the background first.

    Offsets are those of centre x, centre y, width and height; see `edgebench.tasks.anchors`.
    """

    outputs = (OFFSETS, LOGITS)

    def __init__(self, spec: ModelSpec, channels: Sequence[int]) -> None:
        super().__init__()
        first, second, inputs = channels
        self.classes = spec.num_classes
        wide = list(_CHANNELS)
        if spec.backbone.startswith("mobilenet_v2"):
            wide[-1] = _LAST_OF_V2
        outputs = [divisible(count * spec.width) for count in wide]
        extras = []
        for count, share in zip(outputs, _HIDDEN_SHARES, strict=True):
            extras.append(_extra(spec.backbone, inputs, count, share))
            inputs = count
        self.extras = nn.ModuleList(extras)
        maps, cells = [first, second, *outputs], default_boxes.per_cell(spec)
        self.offsets = _predictors(spec, maps, [4 * count for count in cells])
        self.scores = _predictors(spec, maps, [self.classes * count for count in cells])

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        *read, x = maps
        for extra in self.extras:
            x = extra(x)
            read.append(x)
        return _joined(self.offsets, read, 4), _joined(self.scores, read, self.classes)


def _extra(backbone: str, inputs: int, outputs: int, share: float) -> nn.Module:
    """A layer that halves the map."""
    if backbone.startswith("mobilenet_v3"):
        hidden = outputs // 2
        layers: Layers = {
            "reduce": ConvNorm(inputs, hidden, act=nn.ReLU6),
            "depthwise": depthwise(hidden, 3, 2, nn.ReLU6),
            "project": ConvNorm(hidden, outputs, act=nn.ReLU6),
        }
    elif backbone == "mobilenext":
        hidden = int(inputs * share)
        layers = {
            "depthwise": depthwise(inputs, 3, 2, nn.ReLU6),
            "reduce": ConvNorm(inputs, hidden),
            "project": ConvNorm(hidden, outputs, act=nn.ReLU6),
        }
    else:
        hidden = round(inputs * share)
        layers = {
            "reduce": ConvNorm(inputs, hidden, act=nn.ReLU6),
            "depthwise": depthwise(hidden, 3, 2, nn.ReLU6),
            "project": ConvNorm(hidden, outputs),
        }
    return nn.Sequential(OrderedDict(layers))


def _predictors(spec: ModelSpec, channels: Sequence[int], outputs: Sequence[int]) -> nn.ModuleList:
    """One for each map. The authors' depthwise convolutions have a bias before their norm, and
    their last map, of one cell, has none of them."""
    theirs = not default_boxes.torchvisions(spec)
    made = []
    for number, (inputs, count) in enumerate(zip(channels, outputs, strict=True)):
        layers: Layers = {}
        if not (theirs and number == len(channels) - 1):
            layers["depthwise"] = depthwise(inputs, 3, 1, nn.ReLU6)
            if theirs:
                convolution = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs)
                layers["depthwise"].conv = convolution
        layers["predict"] = nn.Conv2d(inputs, count, 1)
        made.append(nn.Sequential(OrderedDict(layers)))
    return nn.ModuleList(made)


def _joined(predictors: nn.ModuleList, maps: Sequence[Tensor], columns: int) -> Tensor:
    """(N, anchors, columns): cells row by row, and the anchors of each together."""
    rows = [
        predict(x).permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, columns))
        for predict, x in zip(predictors, maps, strict=True)
    ]
    return torch.cat(rows, 1)
