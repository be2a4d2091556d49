"""What is kept of an output where the model runs, before it is stored or sent.

A reduction is plain data, so that any runner can carry it out from the plan's JSON; `reduce` is
its definition. It starts from an output as the ONNX graph has it (real values, ONNX's order of
axes) and is applied to each image by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

Dtype = Literal["float32", "int32", "uint8", "uint16"]
Kind = Literal["identity", "argmax", "threshold", "top_rows"]

_BYTES: dict[Dtype, int] = {"float32": 4, "int32": 4, "uint8": 1, "uint16": 2}


@dataclass(frozen=True)
class RowRank:
    """What rows are chosen by: the largest of the columns first..end - 1 of an output's row.

    The output's values of an image are brought into the shape `source`, whose `axis` counts the
    rows. With `times` that column multiplies the largest.
    """

    output: str
    source: tuple[int, int]
    axis: int
    first: int
    end: int
    times: int | None = None


@dataclass(frozen=True)
class Reduction:
    """What is kept of each image: an array of `shape` and `dtype`, in C order, little-endian.

    The image's values are first brought into the shape `source`. What is left is rounded to the
    nearest where `dtype` is an integer. In between, by `kind`:

    - `identity`: all of them.
    - `argmax`: the index of the largest value along `axis`, the first among equals; the axis goes.
    - `threshold`: 1 where the value is greater than `threshold`, else 0.
    - `top_rows`: of the rows along `axis` the `count` best by `rank`, the best first, and among
      equals the first; the axis stays.
    """

    kind: Kind
    source: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: Dtype
    axis: int | None = None
    threshold: float | None = None
    count: int | None = None
    rank: RowRank | None = None

    @property
    def numeric(self) -> bool:
        """Whether the values kept are the model's own floats, so that an SNR means something."""
        return self.kind == "identity" and self.dtype == "float32"

    @property
    def bytes_an_image(self) -> int:
        """The size of what is kept of one image."""
        return math.prod(self.shape) * _BYTES[self.dtype]


def identity(shape: tuple[int, ...], dtype: Dtype = "float32") -> Reduction:
    """All values, with that shape an image."""
    return Reduction("identity", shape, shape, dtype)


def argmax(source: tuple[int, ...], axis: int) -> Reduction:
    """The index of the largest value along an axis (without the batch axis), as few bytes."""
    shape = source[:axis] + source[axis + 1 :]
    return Reduction("argmax", source, shape, small(source[axis]), axis=axis)


def small(count: int) -> Dtype:
    """The smallest type that holds the indices of so many classes and a value to spare."""
    return "uint8" if count < 2**8 else "uint16"


def reduce(reduction: Reduction, name: str, outputs: Mapping[str, Array]) -> Array:
    """Reduce the output `name` of a model that ran on n images: (n, *shape).

    `outputs` are all the model's by name. The batch axis may be missing where n is one.
    """
    import numpy as np  # Here, because plans are read where NumPy is not needed.

    values = outputs[name].reshape((-1, *reduction.source))
    axis = None if reduction.axis is None else reduction.axis + 1
    if reduction.kind == "argmax":
        values = np.asarray(np.argmax(values, axis))
    elif reduction.kind == "threshold":
        values = values > reduction.threshold
    elif reduction.kind == "top_rows":
        assert axis is not None and reduction.rank is not None
        rows = np.moveaxis(values, axis, 1)
        best = _best_rows(reduction.rank, reduction.count, outputs)
        best = best.reshape(best.shape + (1,) * (rows.ndim - 2))
        values = np.moveaxis(np.take_along_axis(rows, best, 1), 1, axis)
    dtype = np.dtype(reduction.dtype)
    if dtype.kind != "f" and values.dtype.kind == "f":
        values = np.rint(values)
    return np.ascontiguousarray(values, dtype)


def _best_rows(rank: RowRank, count: int | None, outputs: Mapping[str, Array]) -> Array:
    """The indices of the best rows, (images, count)."""
    import numpy as np

    rows = outputs[rank.output].reshape((-1, *rank.source))
    if rank.axis == 1:
        rows = rows.swapaxes(1, 2)
    score = rows[:, :, rank.first : rank.end].max(-1)
    if rank.times is not None:
        score = score * rows[:, :, rank.times]
    return np.argsort(-score, axis=1, kind="stable")[:, :count]
