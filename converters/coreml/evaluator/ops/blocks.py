"""Windows and blocks of space moved into channels, batches or an axis of their own, and back."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from edgebench.converters.coreml.evaluator.operation import Call, evaluates
from edgebench.converters.coreml.evaluator.ops.window import padded


@evaluates("crop", exact=True)
def crop(call: Call) -> Tensor:
    amounts = call.ints("crop_height"), call.ints("crop_width")
    return padded(call.tensor(), [(-before, -after) for before, after in amounts])


@evaluates("sliding_windows", exact=True)
def sliding_windows(call: Call) -> Tensor:
    x = call.tensor()
    axis = call.parameter("axis") % x.ndim
    return x.unfold(axis, call.parameter("size"), call.parameter("stride", 1)).movedim(-1, axis + 1)


@evaluates("pixel_shuffle", exact=True)
def pixel_shuffle(call: Call) -> Tensor:
    return functional.pixel_shuffle(call.tensor(), call.parameter("upscale_factor"))


@evaluates("pixel_unshuffle", exact=True)
def pixel_unshuffle(call: Call) -> Tensor:
    return functional.pixel_unshuffle(call.tensor(), call.parameter("downscale_factor"))


@evaluates("depth_to_space", exact=True)
def depth_to_space(call: Call) -> Tensor:
    """The block's place is the slower part of the channel, as in TensorFlow."""
    x, b = call.tensor(), call.parameter("block_size")
    n, c, h, w = x.shape
    blocks = x.reshape(n, b, b, c // b**2, h, w)
    return blocks.permute(0, 3, 4, 1, 5, 2).reshape(n, c // b**2, h * b, w * b)


@evaluates("space_to_depth", exact=True)
def space_to_depth(call: Call) -> Tensor:
    x, b = call.tensor(), call.parameter("block_size")
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // b, b, w // b, b)
    return blocks.permute(0, 3, 5, 1, 2, 4).reshape(n, c * b**2, h // b, w // b)


@evaluates("space_to_batch", exact=True)
def space_to_batch(call: Call) -> Tensor:
    rows, columns = call.ints("block_shape")
    x = padded(call.tensor(), [tuple(pair) for pair in call.parameter("paddings")])
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // rows, rows, w // columns, columns)
    return blocks.permute(3, 5, 0, 1, 2, 4).reshape(-1, c, h // rows, w // columns)


@evaluates("batch_to_space", exact=True)
def batch_to_space(call: Call) -> Tensor:
    rows, columns = call.ints("block_shape")
    x = call.tensor()
    n, c, h, w = x.shape
    blocks = x.reshape(rows, columns, n // (rows * columns), c, h, w).permute(2, 3, 4, 0, 5, 1)
    whole = blocks.reshape(-1, c, h * rows, w * columns)
    return padded(whole, [(-before, -after) for before, after in call.parameter("crops")])
