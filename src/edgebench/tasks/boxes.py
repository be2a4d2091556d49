"""Boxes: their formats, how they overlap, and which of many stand for one thing."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Format = Literal["xyxy", "yxyx", "xywh", "cxcywh"]


def corners(boxes: Array, form: Format) -> Floats:
    """Boxes (..., 4) as left, top, right, bottom.

    `xywh` are left, top, width and height; `cxcywh` begin with the centre.
    """
    one, two, three, four = np.moveaxis(boxes.astype(np.float64), -1, 0)
    if form == "yxyx":
        one, two, three, four = two, one, four, three
    elif form == "xywh":
        three, four = one + three, two + four
    elif form == "cxcywh":
        one, two, three, four = (
            *(one - three / 2, two - four / 2),
            *(one + three / 2, two + four / 2),
        )
    return np.stack([one, two, three, four], -1)


def overlaps(boxes: Floats, others: Floats, crowd: npt.NDArray[np.bool_] | None = None) -> Floats:
    """Intersection over union of each box with each of the others, (boxes, others).

    Beside a `crowd` it is the intersection over the box's own area, as COCO has it: a crowd is
    many things in one box, of which a detection finds one.
    """
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=-1)
    own, theirs = _areas(boxes)[:, None], _areas(others)[None]
    union = own + theirs - both
    if crowd is not None:
        union = np.where(crowd[None], own, union)
    iou: Floats = np.divide(both, union, out=np.zeros_like(both), where=both > 0)
    return iou


def _areas(boxes: Floats) -> Floats:
    return np.asarray(np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1))


def suppressed(boxes: Floats, classes: Ints, limit: float) -> Ints:
    """The indices of the boxes that stay, given best first (greedy non-maximum suppression).

    A box goes where it overlaps a better one of its class, that stays, by more than `limit`.
    """
    stays = np.ones(len(boxes), bool)
    for one in np.unique(classes):
        members = np.flatnonzero(classes == one)
        over = overlaps(boxes[members], boxes[members]) > limit
        for place in range(len(members)):
            if stays[members[place]]:
                later = members[place + 1 :]
                stays[later[over[place, place + 1 :]]] = False
    return np.flatnonzero(stays)
