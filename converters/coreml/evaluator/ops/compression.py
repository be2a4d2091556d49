"""Quantisation, and weights that are stored compressed.

The forms are those of coremltools' `ops/defs/iOS16/constexpr_ops.py`, `iOS18/compression.py` and
`iOS17/quantization_ops.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from edgebench.converters.coreml.evaluator.operation import Call, evaluates
from edgebench.converters.coreml.evaluator.package import unpacked

_RANGES = {"int8": (-128, 127), "uint8": (0, 255)}


@evaluates("quantize", exact=True)
def quantize(call: Call) -> Tensor:
    x = call.tensor("input")
    steps = torch.round(x / _along(call, "scale", x))
    if call.has("zero_point"):
        steps = steps + _along(call, "zero_point", x)
    return steps.clamp(*_RANGES[call.parameter("output_dtype")])


@evaluates("dequantize")
def dequantize(call: Call) -> Tensor:
    return _affine(call, call.tensor("input"))


@evaluates("constexpr_affine_dequantize")
def constexpr_affine_dequantize(call: Call) -> Tensor:
    return _affine(call, call.tensor("quantized_data"))


@evaluates("constexpr_cast", exact=True)
def constexpr_cast(call: Call) -> Tensor:
    return call.tensor("source_val")


@evaluates("constexpr_blockwise_shift_scale")
def constexpr_blockwise_shift_scale(call: Call) -> Tensor:
    return _shifted(call, call.tensor("data"))


@evaluates("constexpr_lut_to_dense", exact=True)
def constexpr_lut_to_dense(call: Call) -> Tensor:
    """Packed indices and one table before iOS 18, since then a table a block."""
    lut = call.tensor("lut")
    if not call.has("shape"):
        return _looked_up(call, call.tensor("indices"))
    shape = call.ints("shape")
    bits = (lut.numel() - 1).bit_length()
    count = int(torch.tensor(shape).prod())
    indices = unpacked(call.tensor("indices").numpy(), bits, count)
    return lut[torch.from_numpy(indices).long()].reshape(shape)


@evaluates("constexpr_sparse_to_dense", exact=True)
def constexpr_sparse_to_dense(call: Call) -> Tensor:
    """A packed mask before iOS 18, since then one of the output's shape."""
    mask = call.tensor("mask")
    if call.has("shape"):
        shape = call.ints("shape")
        count = int(torch.tensor(shape).prod())
        mask = torch.from_numpy(unpacked(mask.numpy(), 1, count)).reshape(shape)
    return _spread(mask, call.tensor("nonzero_data"))


@evaluates("constexpr_lut_to_sparse", exact=True)
def constexpr_lut_to_sparse(call: Call) -> tuple[Tensor, Tensor]:
    mask = call.tensor("indices_mask")
    dense = _looked_up(call, _spread(mask, call.tensor("indices_nonzero_data")))
    size = call.tensor("lut").shape[-1]
    if size > 1:
        mask = mask.repeat_interleave(size, call.parameter("vector_axis"))
    return mask, dense[mask != 0]


@evaluates("constexpr_sparse_blockwise_shift_scale")
def constexpr_sparse_blockwise_shift_scale(call: Call) -> tuple[Tensor, Tensor]:
    mask = call.tensor("data_mask")
    return mask, _shifted(call, _spread(mask, call.tensor("nonzero_data")))[mask != 0]


def _affine(call: Call, data: Tensor) -> Tensor:
    steps = data.float()
    if call.has("zero_point"):
        steps = steps - _along(call, "zero_point", data)
    return steps * _along(call, "scale", data)


def _along(call: Call, name: str, data: Tensor) -> Tensor:
    """A parameter that is one number, or one for each place along `axis`."""
    found = call.tensor(name).float()
    if found.numel() == 1:
        return found.reshape(())
    shape = [1] * data.ndim
    shape[call.parameter("axis")] = -1
    return found.reshape(shape)


def _blocks(parameter: Tensor, shape: tuple[int, ...]) -> Tensor:
    """One number a block, repeated over the blocks' elements."""
    for axis, size in enumerate(shape):
        parameter = parameter.repeat_interleave(size // parameter.shape[axis], axis)
    return parameter


def _shifted(call: Call, data: Tensor) -> Tensor:
    steps, shape = data.float(), tuple(data.shape)
    if call.has("offset"):
        steps = steps - _blocks(call.tensor("offset").float(), shape)
    return steps * _blocks(call.tensor("scale"), shape)


def _spread(mask: Tensor, nonzero: Tensor) -> Tensor:
    dense = torch.zeros(mask.shape, dtype=nonzero.dtype)
    dense[mask != 0] = nonzero
    return dense


def _looked_up(call: Call, indices: Tensor) -> Tensor:
    """Each index's entry in the table of its block; a vector's elements go along `vector_axis`."""
    lut = call.tensor("lut")
    size, shape = lut.shape[-1], tuple(indices.shape)
    axis = call.parameter("vector_axis", -1) % indices.ndim
    # The table that holds for each index, without storing the tables once an index.
    tables = lut.reshape(-1, lut.shape[-2], size)
    which = _blocks(torch.arange(len(tables)).reshape(lut.shape[:-2]), shape)
    found = tables[which, indices.long()]
    return found.movedim(-1, axis + 1).flatten(axis, axis + 1)
