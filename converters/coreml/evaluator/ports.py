"""The inputs and outputs of a program, and what is fed to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from edgebench.converters.coreml.evaluator import tensors
from edgebench.converters.coreml.evaluator.images import Image, pixels
from edgebench.converters.coreml.evaluator.operation import Declared, Value
from edgebench.errors import DataError

Array = NDArray[Any]


@dataclass(frozen=True)
class Port:
    """An input or output of the program. `image` is set where Core ML takes or gives an image."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    image: Image | None = None


def fed(port: Port, given: Array) -> Tensor:
    """What a caller gives for an input. Raises `DataError`."""
    array = np.asarray(given)
    if port.image is not None:
        array = pixels(array, port.image, port.name)
    wanted = port.shape
    fits = len(wanted) == array.ndim and all(
        dim in (None, size) for dim, size in zip(wanted, array.shape, strict=True)
    )
    if not fits:
        shape = " x ".join("?" if dim is None else str(dim) for dim in wanted)
        raise DataError(
            f"input '{port.name}' has the shape {array.shape}, the program takes {shape}",
            "give inputs of the program's shape",
        )
    return tensors.fed(array, port.dtype)


def output_port(
    name: str, made: Mapping[str, Declared], constants: Mapping[str, Value], image: Image | None
) -> Port:
    declared = made.get(name)
    if declared is None:  # folded: it depends on no input
        value = constants[name]
        return Port(name, tuple(value.shape), str(value.numpy().dtype), image)
    return Port(name, declared.shape, "" if declared.dtype == "string" else declared.dtype, image)
