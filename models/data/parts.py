"""Which pictures of a data set calibrate, and which evaluate."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Generic, TypeVar

from edgebench.errors import DataError

T = TypeVar("T")

TRAIN = ("train",)
HELD_OUT = ("val", "validation", "test")

CALIBRATION_SHARE = 0.25
CALIBRATION_MINIMUM = 8
"""What calibration takes of a set that has no split of its own; of a tiny one half at most."""


@dataclass(frozen=True)
class Parts(Generic[T]):
    """A data set in its own parts: `train` calibrates and `held_out` evaluates.

    Without `held_out` the set is split: pictures from all through the list calibrate, a
    quarter of them at most, and all others evaluate. A set that serves `alone` one of the two is
    not split for it.
    """

    train: Sequence[T]
    held_out: Sequence[T] | None = None

    def calibration(self, count: int, alone: bool) -> list[T]:
        """At most `count` of those that calibrate."""
        if self.held_out is not None or alone:
            return _evenly(self.train, count)
        return _evenly([self.train[i] for i in self._calibrating()], count)

    def evaluation(self, count: int, alone: bool) -> list[T]:
        """At most `count` of those that evaluate."""
        if self.held_out is not None:
            return _evenly(self.held_out, count)
        taken = set() if alone else set(self._calibrating())
        left = [one for i, one in enumerate(self.train) if i not in taken]
        return _evenly(left, count)

    def _calibrating(self) -> list[int]:
        total = len(self.train)
        share = max(round(total * CALIBRATION_SHARE), min(CALIBRATION_MINIMUM, total // 2))
        return spread(total, share)


def inner_folders(folder: Path) -> tuple[Path | None, Path | None]:
    """The folders within a folder that are for training and for measuring, where there are any."""
    train, held_out = (
        next((folder / name for name in names if (folder / name).is_dir()), None)
        for names in (TRAIN, HELD_OUT)
    )
    return train, held_out


def spread(total: int, wanted: int) -> list[int]:
    """So many of the numbers below `total`: one of each of as many stretches of equal length.

    So every class of a sorted list has its share. Where in its stretch is left to chance, the same
    at every call: lists repeat with a period, such as a picture and its three augmentations, and
    even distances would meet one of these alone.
    """
    chance = random.Random(f"{total} {wanted}")
    ends = [i * total // max(1, wanted) for i in range(wanted + 1)]
    return [low + chance.randrange(max(1, high - low)) for low, high in pairwise(ends)]


def halves(total: int) -> tuple[list[int], list[int]]:
    """The numbers below `total` in two halves, as `spread` spreads them, the larger one first."""
    first = spread(total, (total + 1) // 2)
    taken = set(first)
    return first, [i for i in range(total) if i not in taken]


def _evenly(every: Sequence[T], count: int) -> list[T]:
    return [every[i] for i in spread(len(every), min(count, len(every)))]


def identity(folder: Path) -> str:
    """What changes when a folder, or a file, does, without reading it. Raises `DataError`."""
    if folder.is_file():
        found = folder.stat()
        row = (folder.name, found.st_size, found.st_mtime_ns)
        return hashlib.sha256(json.dumps(row).encode()).hexdigest()
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", "give a folder of images")
    try:
        next(folder.iterdir(), None)  # which, unlike rglob, says where it may not look
        rows = [
            (str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]
    except OSError as error:
        raise unreadable(error) from error
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def unreadable(error: OSError) -> DataError:
    """The error for a file or folder of the data that the system does not let us read."""
    return DataError(f"cannot read {error.filename}: {error.strerror}", "check its permissions")
