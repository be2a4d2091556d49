"""MobileNetV2 as a table, of any width and input size, with attention where one wants it.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, table 2.
Parameters of the plain network carry torchvision's names (`features.N.conv.K...`); those of an
attention module are under `features.N.conv.attention`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Self

from torch import Tensor, nn

from edgebench.models.backbones import layouts
from edgebench.models.backbones.backbone import (
    AttentionFactory,
    Backbone,
    Block,
    WeightLayout,
    divisible,
)
from edgebench.models.backbones.staged import ATTENTION, initialise, stands_inside
from edgebench.models.spec import ModelSpec

# Expansion, output channels, repeats, stride of the first: table 2 of the paper.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
VARIANTS = {
    "mobilenet_v2": STAGES,
    # One block more of 32 channels: 3.65 % more of the same work at width 1 and 224 pixels.
    "mobilenet_v2_deeper": (*STAGES[:2], (6, 32, 4, 2), *STAGES[3:]),
}
STEM_CHANNELS = 32
STEM_STRIDE = 2
LAST_CHANNELS = 1280

# The coordinate attention authors' `mbv2_ca.pth` (github.com/houqb/CoordAttention, mbv2_ca.py)
# numbers the layers of a block in one flat sequence and keeps the last convolution outside the
# features. Torchvision's names are ours.
COORDINATE_ATTENTION_AUTHORS = WeightLayout(
    mark="conv.0.weight",
    rules=(
        (r"conv\.([01])\.", r"features.18.\1."),
        (r"features\.1\.conv\.([01])\.", r"features.1.conv.0.\1."),
        (r"features\.1\.conv\.3\.", "features.1.conv.1."),
        (r"features\.1\.conv\.4\.", "features.1.conv.2."),
        (r"features\.(\d+)\.conv\.([01])\.", r"features.\1.conv.0.\2."),
        (r"features\.(\d+)\.conv\.3\.", r"features.\1.conv.1.0."),
        (r"features\.(\d+)\.conv\.4\.", r"features.\1.conv.1.1."),
        (r"features\.(\d+)\.conv\.6\.", r"features.\1.conv.attention."),
        (r"features\.(\d+)\.conv\.7\.", r"features.\1.conv.2."),
        (r"features\.(\d+)\.conv\.8\.", r"features.\1.conv.3."),
    ),
)


class _ConvBnRelu6(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU6(),
        )


class InvertedResidual(nn.Module):
    """Expand, filter in depth, project: (N, inputs, H, W) to (N, outputs, H / s, W / s).

    `expanded` is the attention between the depthwise convolution and the projection, `narrow` the
    one after the projection, inside the residual branch.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        expansion: int,
        stride: int,
        expanded: AttentionFactory | None = None,
        narrow: AttentionFactory | None = None,
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers.append(_ConvBnRelu6(inputs, hidden, 1, 1, 1))
        layers.append(_ConvBnRelu6(hidden, hidden, 3, stride, hidden))
        projection = [nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        # Named children keep torchvision's numbers with an attention module among them.
        named = {str(i): layer for i, layer in enumerate(layers)}
        if expanded is not None:
            named[ATTENTION] = expanded(hidden)
        named |= {str(i): layer for i, layer in enumerate(projection, len(layers))}
        if narrow is not None:
            named[ATTENTION] = narrow(outputs)
        self.conv = nn.Sequential(OrderedDict(named))
        self.stride = stride
        self.expansion = expansion
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


class MobileNetV2(Backbone):
    """(N, 3, S, S) normalised floats to (N, classes) logits.

    `attention` makes a module for a number of channels. `placement` says where they stand:
    `expanded` between depthwise and projection of every block that expands (the coordinate
    attention paper's place), `late` and `at45` the same but only in some of them
    (`stands_inside`), `output` after the projection of every block. `stages` is a table such as
    `STAGES`. `narrow_last` has the last map, which a classifier needs wide, follow the width too,
    as detectors have it.
    """

    def __init__(
        self,
        width: float = 1.0,
        num_classes: int = 1000,
        attention: AttentionFactory | None = None,
        placement: str = "expanded",
        dropout: float = 0.2,
        stages: Sequence[tuple[int, int, int, int]] = STAGES,
        narrow_last: bool = False,
    ) -> None:
        super().__init__()
        channels = divisible(STEM_CHANNELS * width)
        features: list[nn.Module] = [_ConvBnRelu6(3, channels, 3, STEM_STRIDE, 1)]
        total_stride = STEM_STRIDE
        for expansion, stage_channels, repeats, first_stride in stages:
            outputs = divisible(stage_channels * width)
            for index in range(repeats):
                stride = first_stride if index == 0 else 1
                total_stride *= stride
                inside = expansion > 1 and stands_inside(placement, total_stride)
                features.append(
                    InvertedResidual(
                        channels,
                        outputs,
                        expansion,
                        stride,
                        expanded=attention if inside else None,
                        narrow=attention if placement == "output" else None,
                    )
                )
                channels = outputs
        last = divisible(LAST_CHANNELS * (width if narrow_last else max(1.0, width)))
        features.append(_ConvBnRelu6(channels, last, 1, 1, 1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes))
        self.apply(initialise)
        self.weight_layouts = (COORDINATE_ATTENTION_AUTHORS, _timm(self.features, stages))

    @classmethod
    def build(cls, spec: ModelSpec, attention: AttentionFactory | None, dropout: float) -> Self:
        stages = VARIANTS[spec.backbone]
        narrow = spec.head is not None
        return cls(spec.width, spec.num_classes, attention, spec.placement, dropout, stages, narrow)

    def blocks(self) -> tuple[Block, ...]:
        return tuple(
            Block(
                stride.bit_length() - 1,
                f"features.{index}",
                f"features.{index}.conv.{ATTENTION}" if _holds_attention(layer) else None,
            )
            for index, stride, layer in self._strides()
            if isinstance(layer, InvertedResidual)
        )

    def feature_maps(self, x: Tensor, strides: Sequence[int]) -> tuple[Tensor, ...]:
        last = {stride: index for index, stride, _ in self._strides()}
        missing = set(strides) - set(last)
        if missing:
            raise ValueError(f"no map has stride {min(missing)}; there are {sorted(last)}")
        found = {}
        for index, layer in enumerate(self.features):
            x = layer(x)
            found[index] = x
        return tuple(found[last[stride]] for stride in strides)

    def _strides(self) -> Iterator[tuple[int, int, nn.Module]]:
        """Every layer of the features with its index and its output's stride to the input.

        The last one, which only widens the map for the classifier, is no feature map.
        """
        stride = STEM_STRIDE
        for index, layer in enumerate(list(self.features)[:-1]):
            if isinstance(layer, InvertedResidual):
                stride *= layer.stride
            yield index, stride, layer

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.features(x).mean((2, 3)))
        return out


def _holds_attention(block: InvertedResidual) -> bool:
    """Attention that was taken out has left an identity."""
    return not isinstance(getattr(block.conv, ATTENTION, nn.Identity()), nn.Identity)


def _timm(features: nn.Sequential, stages: Sequence[tuple[int, int, int, int]]) -> WeightLayout:
    """timm's names, which ours are torchvision's for."""
    where = layouts.places(stage[2] for stage in stages)
    rules = [*_renamed("conv_stem", "bn1", "features.0.0", "features.0.1")]
    for index, (stage, number) in enumerate(where, start=1):
        theirs, ours = f"blocks.{stage}.{number}", f"features.{index}.conv"
        block = features[index]
        assert isinstance(block, InvertedResidual)
        names = (
            ["conv_dw", "conv_pw"] if block.expansion == 1 else ["conv_pw", "conv_dw", "conv_pwl"]
        )
        for position, name in enumerate(names):
            last = position == len(names) - 1
            convolution = f"{ours}.{position}" if last else f"{ours}.{position}.0"
            norm = f"{ours}.{position + 1}" if last else f"{ours}.{position}.1"
            their_norm = f"{theirs}.bn{position + 1}"
            rules += _renamed(f"{theirs}.{name}", their_norm, convolution, norm)
    head = f"features.{len(where) + 1}"
    rules += _renamed("conv_head", "bn2", f"{head}.0", f"{head}.1")
    rules.append(layouts.exactly("classifier.", "classifier.1."))
    return WeightLayout("conv_stem.weight", tuple(rules))


def _renamed(convolution: str, norm: str, ours: str, our_norm: str) -> tuple[layouts.Rule, ...]:
    return layouts.exactly(f"{convolution}.", f"{ours}."), layouts.exactly(
        f"{norm}.", f"{our_norm}."
    )
