"""What Core ML makes of an image before the program sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebench.errors import DataError, UnsupportedModelError

Array = NDArray[Any]

_CHANNELS = {"RGB": 3, "BGR": 3, "GRAYSCALE": 1, "GRAYSCALE_FLOAT16": 1}


@dataclass(frozen=True)
class Image:
    """An image port; `color` is the order of channels in which the program takes it."""

    color: str
    height: int
    width: int


def described_image(port: Any) -> Image | None:
    """The image parameters in a port's description, None where it is an array."""
    if port.type.WhichOneof("Type") != "imageType":
        return None
    kind = port.type.imageType
    color = kind.ColorSpace.Name(kind.colorSpace)
    if color not in _CHANNELS:
        raise UnsupportedModelError(
            f"the image '{port.name}' has the colour layout {color}, which the evaluator lacks",
            f"use one of {', '.join(_CHANNELS)}",
        )
    return Image(color, int(kind.height), int(kind.width))


def pixels(array: Array, image: Image, name: str) -> Array:
    """An image as the program takes it: (1, channels, height, width), 0..255, in its colours.

    Takes (height, width, 3) or (1, height, width, 3) as image libraries give it, or (3, height,
    width) or (1, 3, height, width); in any case red, green, blue. A grayscale image has one channel
    or no axis for it. The scale and bias of the conversion are ops of the program. Values between
    whole numbers are kept, though a device's 8-bit images have none. Raises `DataError`.
    """
    channels = _CHANNELS[image.color]
    size = (image.height, image.width)
    found = array[0] if array.ndim == 4 and len(array) == 1 else array
    if found.ndim == 2 and channels == 1:
        found = found[None]
    if found.shape == (*size, channels):
        found = np.moveaxis(found, -1, 0)
    if found.shape != (channels, *size):
        raise DataError(
            f"the image '{name}' has the shape {array.shape}, the program takes "
            f"{channels} channels of {image.height} x {image.width} pixels",
            "resize and crop images to the program's input",
        )
    if image.color == "BGR":
        found = found[::-1]
    return np.ascontiguousarray(found[None])
