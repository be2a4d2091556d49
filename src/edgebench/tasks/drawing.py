"""What a task draws into an image, of what outputs predict of it. A report draws it as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True)
class DrawnBox:
    """A box in pixels of the model's input, with the number of its class and a few words."""

    left: float
    top: float
    right: float
    bottom: float
    kind: int
    words: str


@dataclass(frozen=True)
class Drawing:
    """The boxes of an image, and its `map` (height, width) of classes, of which 0 is not drawn."""

    boxes: tuple[DrawnBox, ...] = ()
    map: npt.NDArray[Any] | None = None
