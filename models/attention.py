"""Attention modules, each by its paper's definition, under one contract.

`ATTENTION[name](channels, reduction)` makes a module that maps a feature map (N, C, H, W) to one of
the same shape: the input multiplied by one or more gates in (0, 1). `gates` counts those
multiplications over the full map, which the papers' MAdds leave out.

Strips and vectors are made with `mean(dim, keepdim=True)`: adaptive pooling to `(None, 1)` has no
counterpart in ONNX. Permutations only ever move an axis of length one past the others, so that a
channels-last target can carry them out as a reshape.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Maps (N, C, H, W) to (N, C, H, W).

    `gates` is the number of multiplications per element of the map.
    """

    gates: ClassVar[int]

    def __init__(self, channels: int, reduction: int | None) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class SqueezeExcite(Attention):
    """Squeeze-and-excitation: y = x * sigmoid(W2 relu6(W1 mean_HW(x))).

    Hu, Shen, Sun, "Squeeze-and-Excitation Networks", CVPR 2018, equations 2 to 4, with C // r
    hidden channels, biases, and the backbone's ReLU6.
    """

    gates = 1

    def __init__(self, channels: int, reduction: int | None) -> None:
        super().__init__(channels, reduction)
        hidden = _hidden(channels, reduction)
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.act = nn.ReLU6()
        self.expand = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.expand(self.act(self.reduce(squeezed))))


class EfficientChannel(Attention):
    """Efficient channel attention: a 1-D convolution over the channel means, no reduction.

    Wang et al., "ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks",
    CVPR 2020, section 3.2: one kernel for all channels, without bias, as long as `eca_kernel` says.
    """

    gates = 1

    def __init__(self, channels: int, reduction: int | None) -> None:
        super().__init__(channels, reduction)
        kernel = eca_kernel(channels)
        self.conv = nn.Conv2d(1, 1, (1, kernel), padding=(0, kernel // 2), bias=False)

    def forward(self, x: Tensor) -> Tensor:
        line = x.mean((2, 3), keepdim=True).permute(0, 2, 3, 1)  # (N, 1, 1, C)
        gate: Tensor = torch.sigmoid(self.conv(line))
        return x * gate.permute(0, 3, 1, 2)


def eca_kernel(channels: int) -> int:
    """(log2 C + 1) / 2, cut to a whole number and raised to an odd one (gamma = 2, b = 1)."""
    size = int(abs((math.log2(channels) + 1) / 2))
    return size if size % 2 else size + 1


class _PlaneGate(nn.Module):
    """Gate of one plane: sigmoid(BN(conv7x7([mean, max]))), (N, 2, A, B) to (N, 1, A, B)."""

    def __init__(self, kernel: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(1)

    def forward(self, plane: Tensor) -> Tensor:
        return torch.sigmoid(self.bn(self.conv(plane)))


def _across(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The mean and the maximum over one axis, which stays with length one."""
    return x.mean(dim, keepdim=True), x.amax(dim, keepdim=True)


class _SpatialGate(_PlaneGate):
    """x times the gate of its (H, W) plane."""

    def forward(self, x: Tensor) -> Tensor:
        return x * super().forward(torch.cat(_across(x, 1), 1))


class _HeightChannelGate(_PlaneGate):
    """x times the gate of its (H, C) plane."""

    def forward(self, x: Tensor) -> Tensor:
        mean, peak = (s.permute(0, 3, 2, 1) for s in _across(x, 3))  # (N, 1, H, C)
        gate = super().forward(torch.cat((mean, peak), 1))
        return x * gate.permute(0, 3, 2, 1)


class _WidthChannelGate(_PlaneGate):
    """x times the gate of its (W, C) plane."""

    def forward(self, x: Tensor) -> Tensor:
        mean, peak = (s.permute(0, 2, 3, 1) for s in _across(x, 2))  # (N, 1, W, C)
        gate = super().forward(torch.cat((mean, peak), 1))
        return x * gate.permute(0, 3, 1, 2)


class Cbam(Attention):
    """Channel attention by mean and max through one shared MLP, then spatial attention.

    Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018, equations 1 to 3. The MLP
    has C // r hidden channels and biases; the 7x7 convolution is followed by batch norm.
    """

    gates = 2

    def __init__(self, channels: int, reduction: int | None) -> None:
        super().__init__(channels, reduction)
        hidden = _hidden(channels, reduction)
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.act = nn.ReLU()
        self.expand = nn.Conv2d(hidden, channels, 1)
        self.spatial = _SpatialGate()

    def _mlp(self, vector: Tensor) -> Tensor:
        out: Tensor = self.expand(self.act(self.reduce(vector)))
        return out

    def forward(self, x: Tensor) -> Tensor:
        mean = self._mlp(x.mean((2, 3), keepdim=True))
        peak = self._mlp(x.amax((2, 3), keepdim=True))
        out: Tensor = self.spatial(x * torch.sigmoid(mean + peak))
        return out


class Triplet(Attention):
    """The average of three gated copies of x, one for each pair of axes.

    Misra et al., "Rotate to Attend: Convolutional Triplet Attention Module", WACV 2021, equations 1
    to 3, kernel 7. The paper turns the (C, W) plane the other way round; that transposes the learnt
    kernel and changes nothing else.
    """

    gates = 3

    def __init__(self, channels: int, reduction: int | None) -> None:
        super().__init__(channels, reduction)
        self.width_channel = _WidthChannelGate()
        self.height_channel = _HeightChannelGate()
        self.spatial = _SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.width_channel(x) + self.height_channel(x) + self.spatial(x)
        return out * (1 / 3)


class Coordinate(Attention):
    """Coordinate attention: y = x * a_h * a_w, one gate for each row and one for each column.

    Hou, Zhou, Feng, "Coordinate Attention for Efficient Mobile Network Design", CVPR 2021,
    equations 4 to 9. The means over W and over H share one 1x1 convolution to max(8, C // r)
    channels, batch norm and h-swish. The names of the layers are those of the authors' code.
    """

    gates = 2

    def __init__(self, channels: int, reduction: int | None) -> None:
        super().__init__(channels, reduction)
        hidden = _hidden(channels, reduction, least=8)
        self.conv1 = nn.Conv2d(channels, hidden, 1)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.act = nn.Hardswish()
        self.conv2 = nn.Conv2d(hidden, channels, 1)
        self.conv3 = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        rows = x.mean(3, keepdim=True)  # (N, C, H, 1)
        columns = x.mean(2, keepdim=True).transpose(2, 3)  # (N, C, W, 1)
        strips = self.act(self.bn1(self.conv1(torch.cat((rows, columns), 2))))
        rows, columns = torch.split(strips, [height, width], 2)
        gate_h = torch.sigmoid(self.conv2(rows))
        gate_w = torch.sigmoid(self.conv3(columns.transpose(2, 3)))
        return x * gate_h * gate_w


class SpatialChannel(Attention):
    """Spatial channel attention: our documented interpretation of Liu et al. 2022.

    Liu et al., "Spatial Channel Attention for Deep Convolutional Neural Networks", Mathematics
    2022, 10(10), 1750, describes a module that starts from CBAM, captures cross-dimensional
    interaction, reduces no dimension and does without 2-D global pooling. Its formulae were not at
    hand. This module has those four properties: CBAM's channel step, then its spatial step, where
    the channel step gates the (H, C) and the (W, C) plane, pooled over one axis each and at full
    width, instead of a globally pooled vector through a bottleneck.
    """

    gates = 3

    def __init__(self, channels: int, reduction: int | None) -> None:
        super().__init__(channels, reduction)
        self.height_channel = _HeightChannelGate()
        self.width_channel = _WidthChannelGate()
        self.spatial = _SpatialGate()
        # Three gates in a row that start half closed let an eighth through, and a fresh network
        # then does not begin to learn; these start at sigmoid(2) = 0.88.
        for gate in (self.height_channel, self.width_channel, self.spatial):
            nn.init.constant_(gate.bn.bias, 2.0)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.spatial(self.width_channel(self.height_channel(x)))
        return out


def _hidden(channels: int, reduction: int | None, least: int = 1) -> int:
    if reduction is None:
        raise ValueError("this attention needs a reduction")
    return max(least, channels // reduction)


ATTENTION: dict[str, type[Attention]] = {
    "se": SqueezeExcite,
    "eca": EfficientChannel,
    "cbam": Cbam,
    "triplet": Triplet,
    "ca": Coordinate,
    "sca": SpatialChannel,
}
