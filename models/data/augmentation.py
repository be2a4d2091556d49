"""Pictures with boxes and maps, varied for training: a random part, and flipped half of the time.

A detector's part is as large as SSD's (Liu et al., ECCV 2016, section 3.6), without its changes of
colour, and a thing stays if its centre does. A segmenter's is of a picture that was scaled by 0.5
to 2 (Chen et al., "Rethinking Atrous Convolution", 2017, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgebench.models.data.dataset import Array
from edgebench.models.data.images import Pixels
from edgebench.models.data.pictures import PADDING

NO_CLASS = 255
_WHOLE = 0.3
"""So often a detector sees the whole picture."""

_SMALLEST, _RATIOS = 0.3, (0.5, 2.0)
_SCALES = (0.5, 2.0)
_TRIES = 20


@dataclass(frozen=True)
class Located:
    """What is where in one image: `boxes` (things, 4) in pixels, left, top, right and bottom,
    `classes` (things,), and `map` (height, width) with 255 where there is no class to tell."""

    boxes: Array
    classes: Array
    map: npt.NDArray[np.uint8]


def varied(
    picture: Pixels, labels: Located, size: int, boxes: bool, rng: np.random.Generator
) -> tuple[Pixels, Located]:
    """A picture (H, W, 3) as (size, size, 3), with its labels: by `boxes` those of a detector."""
    left, top, right, bottom = _part(picture, labels, rng) if boxes else _scaled(picture, size, rng)
    image = Image.fromarray(picture).transform(
        (size, size),
        Image.Transform.EXTENT,
        (left, top, right, bottom),
        Image.Resampling.BILINEAR,
        fillcolor=PADDING,
    )
    moved = _moved(labels, (left, top, right, bottom), size)
    pixels = np.asarray(image)
    if rng.random() < 0.5:
        pixels, moved = pixels[:, ::-1], _flipped(moved, size)
    return np.ascontiguousarray(pixels), moved


Part = tuple[float, float, float, float]


def _part(picture: Pixels, labels: Located, rng: np.random.Generator) -> Part:
    """The whole picture, or a part of it with the centre of some thing, if there are things."""
    height, width = picture.shape[:2]
    whole = (0.0, 0.0, float(width), float(height))
    if rng.random() < _WHOLE or not len(labels.boxes):
        return whole
    for _ in range(_TRIES):
        wide, high = rng.uniform(_SMALLEST, 1.0, 2)
        if not _RATIOS[0] <= wide / high <= _RATIOS[1]:
            continue
        left, top = rng.uniform(0, 1 - wide) * width, rng.uniform(0, 1 - high) * height
        part = (left, top, left + wide * width, top + high * height)
        if _within(labels.boxes, part).any():
            return part
    return whole


def _scaled(picture: Pixels, size: int, rng: np.random.Generator) -> Part:
    """A square part of a picture whose shorter side was made `size` times 0.5 to 2."""
    height, width = picture.shape[:2]
    side = min(height, width) / rng.uniform(*_SCALES)
    left, top = (
        rng.uniform(min(0.0, free), max(0.0, free)) for free in (width - side, height - side)
    )
    return left, top, left + side, top + side


def _within(boxes: Array, part: Part) -> npt.NDArray[np.bool_]:
    """Which boxes have their centre in a part."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    low, high = np.array(part[:2]), np.array(part[2:])
    return np.asarray(((centres > low) & (centres < high)).all(1))


def _moved(labels: Located, part: Part, size: int) -> Located:
    """Labels in the coordinates of a part that was scaled to (size, size)."""
    left, top, right, bottom = part
    stays = _within(labels.boxes, part)
    scale = np.array([size / (right - left), size / (bottom - top)] * 2)
    boxes = (labels.boxes[stays] - np.array([left, top] * 2)) * scale
    boxes = np.clip(boxes, 0, size)
    rows = np.floor(top + (np.arange(size) + 0.5) * (bottom - top) / size).astype(np.int64)
    columns = np.floor(left + (np.arange(size) + 0.5) * (right - left) / size).astype(np.int64)
    height, width = labels.map.shape
    inside = np.ix_((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    values = np.full((size, size), NO_CLASS, np.uint8)
    values[inside] = labels.map[
        np.ix_(rows[(rows >= 0) & (rows < height)], columns[(columns >= 0) & (columns < width)])
    ]
    return Located(boxes, labels.classes[stays], values)


def _flipped(labels: Located, size: int) -> Located:
    boxes = labels.boxes.copy()
    boxes[:, [0, 2]] = size - boxes[:, [2, 0]]
    return Located(boxes, labels.classes, labels.map[:, ::-1])
