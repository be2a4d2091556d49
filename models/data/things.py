"""Labelled boxes of pictures as the arrays of the task `detection` (docs/tasks.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.models.data.dataset import Array
from edgebench.models.data.pictures import Frame, Size, framed_boxes


@dataclass(frozen=True)
class Thing:
    """A box in pixels of the picture, left, top, right and bottom, and the name of its class.

    A `crowd` is a box of many things, or one too hard to find: nothing found in it is wrong.
    """

    box: tuple[float, float, float, float]
    name: str
    crowd: bool


def arrays(
    things: Iterable[Sequence[Thing]], sizes: Sequence[Size], names: Sequence[str], frame: Frame
) -> dict[str, Array]:
    """The things of some pictures, by picture, in the frame; those outside it are left out."""
    order = {name: index for index, name in enumerate(names)}
    boxes = [np.zeros((0, 4), np.float32)]
    classes: list[int] = []
    crowd: list[bool] = []
    offsets = [0]
    for of_picture, size in zip(things, sizes, strict=True):
        there = np.array([one.box for one in of_picture], np.float32).reshape(-1, 4)
        moved, seen = framed_boxes(there, size, frame)
        boxes.append(moved[seen])
        kept = [one for one, inside in zip(of_picture, seen, strict=True) if inside]
        classes += [order[one.name] for one in kept]
        crowd += [one.crowd for one in kept]
        offsets.append(len(classes))
    return {
        "boxes": np.concatenate(boxes),
        "classes": np.array(classes, np.int64),
        "crowd": np.array(crowd, np.bool_),
        "offsets": np.array(offsets, np.int64),
    }
