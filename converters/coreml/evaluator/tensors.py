"""Values as torch computes with them, and as the program declares them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgebench.converters.coreml.evaluator.operation import Value

Array = NDArray[Any]

_WIDE = {"int64", "uint32", "uint64"}


def rounded(value: Value, dtype: str, exact: bool = False) -> Value:
    """A result as it is stored; `exact` says that it is made of stored numbers already."""
    if not isinstance(value, Tensor) or not dtype:
        return value
    if dtype == "float16":
        return value.float() if exact else value.half().float()
    if dtype == "float32":
        return value.float()
    if dtype == "bool":
        return value.bool()
    return value.to(torch.int64 if dtype in _WIDE else torch.int32)


def constant(value: Any) -> Value:
    """An array as a tensor that torch can compute with."""
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind == "f":
        return torch.from_numpy(value.astype(np.float32))
    if value.dtype.kind == "u" and value.dtype.itemsize > 1:
        return torch.from_numpy(value.astype(np.int64 if value.dtype.itemsize > 2 else np.int32))
    if value.dtype.kind not in "iub":
        return value.tolist()
    return torch.from_numpy(np.array(value))


def fed(array: Array, dtype: str) -> Tensor:
    """What a caller gives for an input of this type."""
    held = {"float16": "float32", "uint16": "int32", "uint32": "int64"}.get(dtype, dtype)
    tensor: Tensor = rounded(torch.from_numpy(np.array(array, order="C").astype(held)), dtype)
    return tensor


def array(value: Value, dtype: str) -> Array:
    """A value in its declared type."""
    if isinstance(value, Tensor):
        if dtype == "float16":  # NumPy converts to it one number at a time.
            value = value.half()
        found: Array = value.numpy()
        return found.astype(dtype or found.dtype)
    return np.asarray(value)
