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
    """Squeeze-and-excitation: y = x * gate(W2 relu6(W1 mean_HW(x))), the gate a sigmoid.

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

    def gate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean((2, 3), keepdim=True)
        return x * self.gate(self.expand(self.act(self.reduce(squeezed))))


class HardSqueezeExcite(SqueezeExcite):
    """Squeeze-and-excitation with the gate relu6(x + 3) / 6, for accelerators without a sigmoid.

    Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.3.
    """

    def gate(self, x: Tensor) -> Tensor:
        return nn.functional.hardsigmoid(x)


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

    def gate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        rows = x.mean(3, keepdim=True)  # (N, C, H, 1)
        columns = x.mean(2, keepdim=True).transpose(2, 3)  # (N, C, W, 1)
        strips = self.act(self.bn1(self.conv1(torch.cat((rows, columns), 2))))
        rows, columns = torch.split(strips, [height, width], 2)
        gate_h = self.gate(self.conv2(rows))
        gate_w = self.gate(self.conv3(columns.transpose(2, 3)))
        return x * gate_h * gate_w


class HardCoordinate(Coordinate):
    """Coordinate attention with gates relu6(x + 3) / 6, for accelerators without a sigmoid."""

    def gate(self, x: Tensor) -> Tensor:
        return nn.functional.hardsigmoid(x)


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


class SimAm(Attention):
    """SimAM: y = x * sigmoid(d / (4 (v + lambda)) + 1/2), without parameters.

    Yang et al., "SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural
    Networks", ICML 2021, equation 5 and figure 3: d is the squared distance of each element from
    its channel's mean over the map, v the sum of d over the map less one element, lambda 1e-4.
    """

    gates = 1
    regulariser = 1e-4

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean((2, 3), keepdim=True)
        count = x.shape[2] * x.shape[3]
        # For a map of one element, whose deviation is 0, next to nothing stands for the 0 below.
        unbiased = count / (count - 1 + 1e-12)
        variance = centred.square().mean((2, 3), keepdim=True) * unbiased
        # Scaled before it is squared: int8 holds deviations of all channels better than squares.
        scaled = centred * torch.rsqrt(4 * (variance + self.regulariser))
        return x * torch.sigmoid(scaled.square() + 0.5)


class EfficientLocal(Attention):
    """Efficient local attention: y = x * a_h * a_w, from strips that are not reduced.

    Xu and Wan, "ELA: Efficient Local Attention for Deep Convolutional Neural Networks", 2024,
    equations 3 to 6, in the variant ELA-B: a 1-D convolution of 7 elements for each channel, shared
    by both strips and without bias, group norm over 16 groups (fewer where 16 does not divide the
    channels), sigmoid.
    """

    gates = 2

    def __init__(self, channels: int, reduction: int | None) -> None:
        super().__init__(channels, reduction)
        self.conv = nn.Conv2d(
            channels, channels, (7, 1), padding=(3, 0), groups=channels, bias=False
        )
        self.norm = nn.GroupNorm(math.gcd(channels, 16), channels)

    def _gate(self, strip: Tensor) -> Tensor:
        """(N, C, L, 1) to the same."""
        lines = self.conv(strip)
        centred = lines - self._over_groups(lines.mean(2, keepdim=True))
        variance = self._over_groups(centred.square().mean(2, keepdim=True))
        gain, offset = (p.reshape(1, -1, 1, 1) for p in (self.norm.weight, self.norm.bias))
        scale = gain * torch.rsqrt(variance + self.norm.eps)
        return torch.sigmoid(centred * scale + offset)

    def _over_groups(self, vector: Tensor) -> Tensor:
        """Each channel's mean over its group, (N, C, 1, 1) to the same.

        Group norm itself would have to gather a group's channels, which lie apart where channels
        come last.
        """
        channels, groups = vector.shape[1], self.norm.num_groups
        each = channels // groups
        share = vector.new_full((channels, each, 1, 1), 1 / each)
        return nn.functional.conv2d(vector, share, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        gate_h = self._gate(x.mean(3, keepdim=True))
        gate_w = self._gate(x.mean(2, keepdim=True).transpose(2, 3)).transpose(2, 3)
        return x * gate_h * gate_w


class _SharedConv(nn.Conv2d):
    """One convolution for every group of channels, (N, G * K, H, W) to the same."""

    def __init__(self, channels: int, groups: int, kernel: int) -> None:
        each = channels // groups
        super().__init__(each, each, kernel, padding=kernel // 2)
        self.copies = groups

    def forward(self, x: Tensor) -> Tensor:
        assert self.bias is not None
        weight = self.weight.repeat(self.copies, 1, 1, 1)
        bias = self.bias.repeat(self.copies)
        return nn.functional.conv2d(x, weight, bias, 1, self.padding, groups=self.copies)


class EfficientMultiScale(Attention):
    """Efficient multi-scale attention: one gate for each place and group of channels.

    Ouyang et al., "Efficient Multi-Scale Attention Module with Cross-Spatial Learning", ICASSP
    2023, section 2 and the authors' code. `reduction` is the number of groups (fewer where it does
    not divide the channels), which share all weights. The authors put the groups into the batch;
    here they stay where they are, as groups of convolutions, so that nothing has to be moved.
    """

    gates = 1
    epsilon = 1e-5

    def __init__(self, channels: int, reduction: int | None) -> None:
        super().__init__(channels, reduction)
        if reduction is None:
            raise ValueError("this attention needs a reduction")
        self.groups = math.gcd(channels, reduction)
        each = channels // self.groups
        self.conv1x1 = _SharedConv(channels, self.groups, 1)
        self.conv3x3 = _SharedConv(channels, self.groups, 3)
        self.gain = nn.Parameter(torch.ones(each))
        self.offset = nn.Parameter(torch.zeros(each))

    def forward(self, x: Tensor) -> Tensor:
        narrow = self._narrow(x)
        wide = self.conv3x3(x)
        # Each branch is summed with the softmax over the other's channel means. Those of the
        # normalised branch are its offsets.
        by_wide = self._softmax(wide.mean((2, 3), keepdim=True))
        by_narrow = self._for_all(torch.softmax(self.offset, 0))
        summed = self._sums(wide * by_narrow + narrow * by_wide)
        return x * self._spread(torch.sigmoid(summed), x.shape[1])

    def _narrow(self, x: Tensor) -> Tensor:
        """The branch of strips, normalised by channel."""
        height, width = x.shape[2:]
        columns = x.mean(2, keepdim=True).transpose(2, 3)
        strips = self.conv1x1(torch.cat((x.mean(3, keepdim=True), columns), 2))
        rows, columns = torch.split(strips, [height, width], 2)
        gated = x * torch.sigmoid(rows) * torch.sigmoid(columns.transpose(2, 3))
        centred = gated - gated.mean((2, 3), keepdim=True)
        variance = centred.square().mean((2, 3), keepdim=True)
        scale = self._for_all(self.gain) * torch.rsqrt(variance + self.epsilon)
        return centred * scale + self._for_all(self.offset)

    def _for_all(self, each: Tensor) -> Tensor:
        """One group's numbers for every group, (K,) to (1, G * K, 1, 1)."""
        return each.repeat(self.groups).reshape(1, -1, 1, 1)

    def _softmax(self, vector: Tensor) -> Tensor:
        """Over the channels of each group, (N, C, 1, 1) to the same."""
        grouped = vector.reshape(vector.shape[0], self.groups, -1)
        return torch.softmax(grouped, 2).reshape(vector.shape)

    def _sums(self, x: Tensor) -> Tensor:
        """The sum over the channels of each group, (N, C, H, W) to (N, G, H, W)."""
        ones = x.new_ones(self.groups, x.shape[1] // self.groups, 1, 1)
        return nn.functional.conv2d(x, ones, groups=self.groups)

    def _spread(self, x: Tensor, channels: int) -> Tensor:
        """Each group's plane for all of its channels, (N, G, H, W) to (N, C, H, W)."""
        ones = x.new_ones(channels, 1, 1, 1)
        return nn.functional.conv2d(x, ones, groups=self.groups)


def _hidden(channels: int, reduction: int | None, least: int = 1) -> int:
    if reduction is None:
        raise ValueError("this attention needs a reduction")
    return max(least, channels // reduction)


ATTENTION: dict[str, type[Attention]] = {
    "se": SqueezeExcite,
    "se_hard": HardSqueezeExcite,
    "eca": EfficientChannel,
    "cbam": Cbam,
    "triplet": Triplet,
    "ca": Coordinate,
    "ca_hard": HardCoordinate,
    "sca": SpatialChannel,
    "simam": SimAm,
    "ela": EfficientLocal,
    "ema": EfficientMultiScale,
}
