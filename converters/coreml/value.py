"""A value on its way to MIL: a variable of the program, or an array that is known already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgebench.converters.coreml.mil import types
from edgebench.converters.lowering.node import Array, CannotLower

# What programs compute with, by the types of ONNX; 64-bit numbers become 32-bit ones.
DTYPES: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype(given): np.dtype(kept)
    for given, kept in (
        (np.float16, np.float16),
        (np.float32, np.float32),
        (np.float64, np.float32),
        (np.int32, np.int32),
        (np.int64, np.int32),
        (np.bool_, np.bool_),
    )
}
LARGEST_RANK = 5


@dataclass(frozen=True)
class Value:
    """A variable of the MIL program, or an array in ONNX's own type. Axes are ONNX's.

    A variable of more axes than Core ML has lies under fewer, in the same sequence of elements;
    `full` is then its shape in ONNX.
    """

    data: Any
    full: tuple[int, ...] | None = None

    @property
    def is_constant(self) -> bool:
        return isinstance(self.data, np.ndarray)

    @property
    def array(self) -> Array:
        """The known elements. Only for constants."""
        known: Array = self.data
        return known

    @property
    def shape(self) -> tuple[int, ...]:
        return self.full or tuple(int(extent) for extent in self.data.shape)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that the program computes with; of a constant, that of ONNX."""
        if self.is_constant:
            found: np.dtype[Any] = self.data.dtype
            return found
        kept: np.dtype[Any] = np.dtype(types.nptype_from_builtin(self.data.dtype))
        return kept

    @property
    def is_float(self) -> bool:
        return self.dtype.kind == "f"

    @property
    def mil(self) -> Any:
        """What a MIL op takes. Raises `CannotLower` for numbers that do not fit into 32 bits."""
        return narrowed(self.data) if self.is_constant else self.data

    def number(self, number: float) -> Any:
        """A number of this value's type."""
        return kept_type(self.dtype).type(number)


def kept_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that a program has for one of ONNX. Raises `CannotLower`."""
    if dtype not in DTYPES:
        raise CannotLower(f"Core ML programs do not compute with {dtype}")
    return DTYPES[dtype]


def narrowed(array: Array) -> Array:
    """The array in the type that programs have for its own. Raises `CannotLower`."""
    kept = kept_type(array.dtype)
    if array.dtype == np.int64 and array.size:
        limits = np.iinfo(np.int32)
        if array.min() < limits.min or array.max() > limits.max:
            raise CannotLower("it holds whole numbers beyond 32 bits, which Core ML has not")
    return array.astype(kept)
