"""MobileNetV2 as a table, of any width and input size, with attention where one wants it.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, table 2.
Parameters of the plain network carry torchvision's names (`features.N.conv.K...`); those of an
attention module are under `features.N.conv.attention`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import Tensor, nn

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
BACKBONES = {
    "mobilenet_v2": STAGES,
    # One block more of 32 channels: 3.65 % more of the same work at width 1 and 224 pixels.
    "mobilenet_v2_deeper": (*STAGES[:2], (6, 32, 4, 2), *STAGES[3:]),
}
STEM_CHANNELS = 32
STEM_STRIDE = 2
LAST_CHANNELS = 1280
# The stride to the input from which on `late` places attention: 14x14 maps at 224, and smaller.
LATE_STRIDE = 16

AttentionFactory = Callable[[int], nn.Module]


def divisible(channels: float, by: int = 8) -> int:
    """The nearest multiple of `by` that is not more than 10 % below `channels`."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded


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
            named["attention"] = expanded(hidden)
        named |= {str(i): layer for i, layer in enumerate(projection, len(layers))}
        if narrow is not None:
            named["attention"] = narrow(outputs)
        self.conv = nn.Sequential(OrderedDict(named))
        self.stride = stride
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """(N, 3, S, S) normalised floats to (N, classes) logits.

    `attention` makes a module for a number of channels. `placement` says where they stand:
    `expanded` between depthwise and projection of every block that expands (the coordinate
    attention paper's place), `late` the same but only in blocks whose output has a stride of
    `LATE_STRIDE` or more to the input, `output` after the projection of every block. `stages` is a
    table such as `STAGES`.
    """

    def __init__(
        self,
        width: float = 1.0,
        num_classes: int = 1000,
        attention: AttentionFactory | None = None,
        placement: str = "expanded",
        dropout: float = 0.2,
        stages: Sequence[tuple[int, int, int, int]] = STAGES,
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
                inside = expansion > 1 and (
                    placement == "expanded" or (placement == "late" and total_stride >= LATE_STRIDE)
                )
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
        last = divisible(LAST_CHANNELS * max(1.0, width))
        features.append(_ConvBnRelu6(channels, last, 1, 1, 1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes))
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.features(x).mean((2, 3)))
        return out


def _initialise(module: nn.Module) -> None:
    """He's initialisation over the fan out for convolutions, a narrow normal for the classifier."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.01)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
