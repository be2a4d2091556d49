"""Resizing of the last axes, and sampling at coordinates.

The grids are those that coremltools documents for `resize_bilinear` and `upsample_bilinear`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edgebench.converters.coreml.evaluator.operation import Call, CannotEvaluate, evaluates


def _aligned(size: int, out: int) -> Tensor:
    return _places(out) * ((size - 1) / max(out - 1, 1))


def _centred_when_single(size: int, out: int) -> Tensor:
    return _aligned(size, out) if out > 1 else torch.tensor([(size - 1) / 2])


def _unaligned(size: int, out: int) -> Tensor:
    return (_places(out) + 0.5) * (size / out) - 0.5


def _offset(size: int, out: int) -> Tensor:
    return (_places(out) + 0.5) * (max(1, size - 1) / out)


def _default(size: int, out: int) -> Tensor:
    return _places(out) * size / out


def _places(count: int) -> Tensor:
    return torch.arange(count, dtype=torch.float64)


GRIDS: dict[str, Callable[[int, int], Tensor]] = {
    "STRICT_ALIGN_CORNERS": _aligned,
    "ALIGN_CORNERS": _centred_when_single,
    "UNALIGN_CORNERS": _unaligned,
    "OFFSET_CORNERS": _offset,
    "DEFAULT": _default,
}


def _resized(x: Tensor, sizes: list[int], mode: str, nearest: bool = False) -> Tensor:
    """x with its last axes of these sizes."""
    if mode not in GRIDS:
        raise CannotEvaluate(f"its sampling_mode is {mode}")
    for axis, out in enumerate(sizes, x.ndim - len(sizes)):
        size = x.shape[axis]
        grid = GRIDS[mode](size, out).clamp(0, size - 1)
        if nearest:
            # The default takes the cell that the place falls in, the others the nearest centre.
            index = (grid + (0 if mode == "DEFAULT" else 0.5)).floor().long()
            x = x.index_select(axis, index.clamp(max=size - 1))
            continue
        if size == out and torch.equal(grid, _places(out)):
            continue
        low = grid.floor().long()
        share = (grid - low).float().reshape(-1, *[1] * (x.ndim - axis - 1))
        high = (low + 1).clamp(max=size - 1)
        x = torch.lerp(x.index_select(axis, low), x.index_select(axis, high), share)
    return x


def _scaled(call: Call, x: Tensor) -> list[int]:
    names = ("scale_factor_height", "scale_factor_width")
    return [
        int(np.floor(np.float32(call.parameter(name, 1)) * size))
        for name, size in zip(names, x.shape[-2:], strict=True)
    ]


def _target(call: Call) -> list[int]:
    return [call.parameter("target_size_height", 1), call.parameter("target_size_width", 1)]


@evaluates("upsample_nearest_neighbor", exact=True)
def upsample_nearest_neighbor(call: Call) -> Tensor:
    x = call.tensor()
    return _resized(x, _scaled(call, x), "DEFAULT", nearest=True)


@evaluates("resize_nearest_neighbor", exact=True)
def resize_nearest_neighbor(call: Call) -> Tensor:
    return _resized(call.tensor(), _target(call), "DEFAULT", nearest=True)


@evaluates("upsample_bilinear")
def upsample_bilinear(call: Call) -> Tensor:
    """`half_pixel_centers`, since iOS 16, is by default what `align_corners` is not."""
    x = call.tensor()
    aligned = call.parameter("align_corners", True)
    if aligned:
        mode = "STRICT_ALIGN_CORNERS"
    else:
        mode = "UNALIGN_CORNERS" if call.parameter("half_pixel_centers", True) else "DEFAULT"
    return _resized(x, _scaled(call, x), mode)


@evaluates("resize_bilinear")
def resize_bilinear(call: Call) -> Tensor:
    return _resized(call.tensor(), _target(call), call.parameter("sampling_mode", "DEFAULT"))


@evaluates("resize")
def resize(call: Call) -> Tensor:
    """The last `resized_dims` of `shape`, where 0 keeps the axis' size. Since iOS 17."""
    x, count = call.tensor(), call.parameter("resized_dims")
    wanted = call.ints("shape")
    wanted = wanted[len(wanted) - count :]
    kept = x.shape[x.ndim - count :]
    sizes = [want or size for want, size in zip(wanted, kept, strict=True)]
    nearest = call.parameter("interpolation_mode", "LINEAR") == "NEAREST_NEIGHBOR"
    return _resized(x, sizes, call.parameter("sampling_mode", "DEFAULT"), nearest)


@evaluates("resample")
def resample(call: Call) -> Tensor:
    x, grid = call.tensor(), call.tensor("coordinates").float()
    aligned = call.parameter("align_corners", True)
    mode = call.parameter("coordinates_mode")
    if mode == "unnormalized":
        sizes = torch.tensor([x.shape[-1], x.shape[-2]], dtype=torch.float32)
        grid, aligned = grid * 2 / (sizes - 1).clamp(min=1) - 1, True
    elif mode == "normalized_zero_to_one":
        grid = grid * 2 - 1
    padding = call.parameter("padding_mode")
    # torch reflects about the centre of the last pixel or about its edge, as its corners are.
    known = {"constant": "zeros", "border": "border"}
    known["reflection" if aligned else "symmetric"] = "reflection"
    if padding not in known:
        raise CannotEvaluate(f"its padding_mode is {padding} with align_corners={aligned}")
    outside = call.parameter("padding_value", 0.0) if padding == "constant" else 0.0
    sampled = functional.grid_sample(
        x - outside, grid, call.parameter("sampling_mode"), known[padding], aligned
    )
    return sampled + outside


@evaluates("affine")
def affine(call: Call) -> Tensor:
    """Bilinear samples of what lies under the transformed grid, zero outside the image."""
    x = call.tensor()
    size = [*x.shape[:2], call.parameter("output_height"), call.parameter("output_width")]
    matrix = call.tensor("transform_matrix").reshape(-1, 2, 3).expand(x.shape[0], 2, 3)
    grid = functional.affine_grid(matrix, size, align_corners=True)
    return functional.grid_sample(x, grid, "bilinear", "zeros", align_corners=True)
