"""Convolutions over one, two or three axes."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from edgebench.converters.coreml.evaluator.operation import Call, evaluates
from edgebench.converters.coreml.evaluator.ops.window import padded, pads

_CONVOLVE = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
_TRANSPOSED = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}


@evaluates("conv")
def conv(call: Call) -> Tensor:
    x, weight = call.tensor(), call.tensor("weight")
    n = x.ndim - 2
    ones = [1] * n
    strides, dilations = call.ints("strides", ones), call.ints("dilations", ones)
    amounts = pads(call, x.shape[2:], _span(weight, dilations), strides)
    symmetric = all(before == after for before, after in amounts)
    padding = [before for before, _ in amounts] if symmetric else [0] * n
    return _CONVOLVE[n](
        x if symmetric else padded(x, amounts),
        weight,
        call.optional("bias"),
        strides,
        padding,
        dilations,
        call.parameter("groups", 1),
    )


@evaluates("conv_transpose")
def conv_transpose(call: Call) -> Tensor:
    """The whole transposed convolution, cropped to the output's shape.

    `same` gives strides times the input's size, and crops as the convolution of that size would
    pad. An `output_shape` beyond the last window is filled with what no window reaches: the bias.
    """
    x, weight, bias = call.tensor(), call.tensor("weight"), call.optional("bias")
    n = x.ndim - 2
    ones = [1] * n
    strides, dilations = call.ints("strides", ones), call.ints("dilations", ones)
    groups = call.parameter("groups", 1)
    whole = _TRANSPOSED[n](x, weight, None, strides, 0, 0, groups, dilations)
    same = [size * stride for size, stride in zip(x.shape[2:], strides, strict=True)]
    if call.parameter("pad_type", "valid") == "custom":
        crops = pads(call, x.shape[2:], ones, strides)
    else:
        crops = pads(call, same, _span(weight, dilations), strides)
    sizes = [size - sum(crop) for size, crop in zip(whole.shape[2:], crops, strict=True)]
    if call.parameter("pad_type", "valid") == "same":
        sizes = same
    if call.has("output_shape"):
        sizes = call.ints("output_shape")[2:]
    ends = [
        size + crop[0] - full
        for size, crop, full in zip(sizes, crops, whole.shape[2:], strict=True)
    ]
    cut = padded(whole, [(-crop[0], end) for crop, end in zip(crops, ends, strict=True)])
    return cut if bias is None else cut + bias.reshape(-1, *ones)


def _span(weight: Tensor, dilations: list[int]) -> list[int]:
    return [(size - 1) * gap + 1 for size, gap in zip(weight.shape[2:], dilations, strict=True)]
