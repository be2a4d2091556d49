"""Anchors: the boxes that a detector's offsets start from, as text, and what offsets mean.

A detector's anchors are the same for every image, and follow from a few numbers. So that a manifest
or a user can say them, they are text: levels parted by `/`, each

    ROWSxCOLUMNS[@STEPxSTEP]:WIDTHxHEIGHT+WIDTHxHEIGHT+...

such as `10x10:0.2x0.2+0.28x0.14/5x5:0.4x0.4`. All lengths are fractions of the input. The centre of
the cell in row i and column j is at ((j + 0.5) * step, (i + 0.5) * step). Steps are down and
across, and 1 / ROWS and 1 / COLUMNS where they are left out. Rows of a detector's outputs go
through the levels, in each through its cells row by row, and in each cell through its sizes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.errors import UsageError
from edgebench.tasks.boxes import Array, Floats

CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
"""What offsets are multiplied by, unless a layout says otherwise: those of SSD's own code."""

_LARGEST_GROWTH = float(np.log(1000 / 16))
"""A box is at most so many times its anchor, as an exponent: the usual bound against overflow."""

_NUMBER = r"(\d+(?:\.\d+)?(?:e-?\d+)?)"
_PAIR = re.compile(f"{_NUMBER}x{_NUMBER}")
_LEVEL = re.compile(rf"(\d+)x(\d+)(?:@{_NUMBER}x{_NUMBER})?:(.+)")


@dataclass(frozen=True)
class Level:
    """The anchors of one map: a grid of cells, `sizes` (width, height) in each, and the steps
    (down, across) between cells; None where the cells fill the input."""

    rows: int
    columns: int
    sizes: tuple[tuple[float, float], ...]
    steps: tuple[float, float] | None = None

    def __len__(self) -> int:
        return self.rows * self.columns * len(self.sizes)


def text(levels: Sequence[Level]) -> str:
    """Levels as text; six digits are kept of a length."""
    return "/".join(map(_level_text, levels))


def _level_text(level: Level) -> str:
    steps = "" if level.steps is None else "@{:.6g}x{:.6g}".format(*level.steps)
    sizes = "+".join(f"{width:.6g}x{height:.6g}" for width, height in level.sizes)
    return f"{level.rows}x{level.columns}{steps}:{sizes}"


def parse(anchors: str) -> tuple[Level, ...]:
    """Read what `text` writes. Raises `UsageError` for another text."""
    return tuple(_level(part.strip()) for part in anchors.split("/"))


def _level(part: str) -> Level:
    found = _LEVEL.fullmatch(part)
    sizes = [_PAIR.fullmatch(size.strip()) for size in found[5].split("+")] if found else []
    if found is None or not all(sizes) or "0" in (found[1], found[2]):
        raise UsageError(
            f"'{part}' is no level of anchors",
            "write ROWSxCOLUMNS:WIDTHxHEIGHT+..., such as 10x10:0.2x0.2+0.28x0.14, and a / between "
            "levels",
        )
    steps = None if found[3] is None else (float(found[3]), float(found[4]))
    pairs = tuple((float(size[1]), float(size[2])) for size in sizes if size)
    return Level(int(found[1]), int(found[2]), pairs, steps)


def boxes(levels: Sequence[Level]) -> Floats:
    """All anchors, (rows, 4): centre x, centre y, width and height as fractions of the input."""
    return np.concatenate([_cells(level) for level in levels])


def _cells(level: Level) -> Floats:
    down, across = level.steps or (1 / level.rows, 1 / level.columns)
    y = (np.arange(level.rows) + 0.5) * down
    x = (np.arange(level.columns) + 0.5) * across
    made = np.empty((level.rows, level.columns, len(level.sizes), 4))
    made[..., 0] = x[None, :, None]
    made[..., 1] = y[:, None, None]
    made[..., 2:] = np.array(level.sizes)
    return made.reshape(-1, 4)


def decoded(
    offsets: Array,
    anchors: Floats,
    centre: float = CENTRE_VARIANCE,
    size: float = SIZE_VARIANCE,
) -> Floats:
    """Boxes (..., rows, 4), centre and size, from offsets (..., rows, 4) of x, y, width and height.

    Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, equation 2, with the variances of
    the authors' code: the centre moves by offset * centre * (the anchor's size), and the size is
    the anchor's times exp(offset * size).
    """
    found = offsets.astype(np.float64)
    moved = anchors[:, :2] + found[..., :2] * centre * anchors[:, 2:]
    growth = np.minimum(found[..., 2:] * size, _LARGEST_GROWTH)
    return np.concatenate([moved, anchors[:, 2:] * np.exp(growth)], -1)


def encoded(
    wanted: Floats,
    anchors: Floats,
    centre: float = CENTRE_VARIANCE,
    size: float = SIZE_VARIANCE,
) -> Floats:
    """The offsets (rows, 4) that give the boxes (rows, 4), centre and size; see `decoded`."""
    moved = (wanted[:, :2] - anchors[:, :2]) / anchors[:, 2:] / centre
    return np.concatenate([moved, np.log(wanted[:, 2:] / anchors[:, 2:]) / size], -1)
