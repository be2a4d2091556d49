"""Inputs as arrays by name, for models with several inputs or inputs that are no pictures."""

from __future__ import annotations

import functools
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgebench.errors import DataError
from edgebench.models.data import parts
from edgebench.models.data.dataset import Examples, Row
from edgebench.models.data.parts import Parts
from edgebench.models.data.pictures import Frame, Resize

Array = npt.NDArray[Any]

_OFFSETS = "offsets"
_THINGS = ("boxes", "classes", "crowd")
_LABELLED = {
    "classification": ("labels",),
    "detection": ("boxes", "classes"),
    "segmentation": ("maps",),
}
"""By task the arrays that hold its labels (docs/tasks.md)."""

_AXES = {"classification": 0, "segmentation": 2}
"""The number of axes of one example's labels."""

# NumPy's AttributeError is for a .npy file, which is no archive.
_UNREADABLE = (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error)

Place = tuple[Path, int | None]
"""A file and the place in its arrays; None where the file holds one example."""


@dataclass(frozen=True)
class Arrays:
    """An .npz file whose arrays have a row for each example, or a folder of files of one each.

    An array is an input of that name, or holds labels as docs/tasks.md names them. A folder with
    train and val folders is in parts already.
    """

    path: Path

    pictures: bool = False
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resize: Resize = "stretch"
    class_names: tuple[str, ...] | None = None
    measures: int = 500

    @property
    def source(self) -> str:
        return self.path.name

    @property
    def tasks(self) -> tuple[str, ...]:
        """Those that the first example has labels for; without labels, outputs are compared."""
        every = self._parts().train
        names = _row(every[0]) if every else {}
        found = (task for task, held in _LABELLED.items() if all(name in names for name in held))
        return tuple(found) or ("none",)

    def identity(self) -> str:
        return parts.identity(self.path)

    def calibration(self, count: int, frame: Frame, task: str | None, alone: bool) -> Examples:
        return Examples(rows=[_row(place) for place in self._parts().calibration(count, alone)])

    def evaluation(self, count: int, frame: Frame, task: str | None, alone: bool) -> Examples:
        rows = [_row(place) for place in self._parts().evaluation(count, alone)]
        return Examples(rows=rows, labels=self._labels(rows, task))

    def _parts(self) -> Parts[Place]:
        if self.path.is_file():
            return Parts(_within(self.path))
        train, held_out = parts.inner_folders(self.path)
        if train is not None and held_out is not None:
            return Parts(_files(train), _files(held_out))
        return Parts(_files(train or held_out or self.path))

    def _labels(self, rows: Sequence[Row], task: str | None) -> dict[str, Array]:
        """The label arrays of a task for all rows, in the form that it reads."""
        needed = _LABELLED.get(task or "", ())
        if any(name not in row for row in rows for name in needed):
            raise DataError(
                f"{self.source} lacks labels: {task} needs {' and '.join(needed)} for each example",
                "add them (docs/tasks.md), or compare the outputs as numbers with --task none",
            )
        if task in _AXES:
            (name,) = needed
            try:
                return {name: np.stack([_squeezed(row[name], _AXES[task]) for row in rows])}
            except ValueError as error:
                raise DataError(
                    f"{self.source} has {name} of several shapes",
                    "give all examples labels of the same shape",
                ) from error
        if not needed:
            return {}
        things = [name for name in _THINGS if all(name in row for row in rows)]
        labels = {name: np.concatenate([row[name] for row in rows]) for name in things}
        counts = [len(row["classes"]) for row in rows]
        return {**labels, _OFFSETS: np.concatenate([[0], np.cumsum(counts)])}


def _squeezed(labels: Array, axes: int) -> Array:
    """One example's labels without leading axes of length one. Raises `ValueError`."""
    return labels.reshape(labels.shape[labels.ndim - axes :])


def _files(folder: Path) -> list[Place]:
    if not folder.is_dir():
        raise DataError(f"there is no file or folder {folder}", "check the path")
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise DataError(f"{folder} has no .npz files", "write one an example with numpy.savez")
    return [(path, None) for path in files]


def _within(path: Path) -> list[Place]:
    """The examples of one file: the rows that its arrays share."""
    content = _content(path)
    shared = (*_THINGS, _OFFSETS) if _OFFSETS in content else ()
    counts = {
        name: len(array) if array.ndim else 0
        for name, array in content.items()
        if name not in shared
    }
    if not counts or len(set(counts.values())) != 1 or not min(counts.values()):
        found = ", ".join(f"{name} {count}" for name, count in counts.items()) or "no inputs"
        raise DataError(
            f"the arrays of {path} do not have a row for each example (rows: {found})",
            "give all inputs and labels the same first axis, or write one file an example",
        )
    return [(path, row) for row in range(min(counts.values()))]


def _row(place: Place) -> Row:
    path, row = place
    content = _content(path)
    if row is None:
        return content
    offsets = content.get(_OFFSETS)
    if offsets is None:
        return {name: array[row] for name, array in content.items()}
    things = slice(int(offsets[row]), int(offsets[row + 1]))
    return {
        name: array[things] if name in _THINGS else array[row]
        for name, array in content.items()
        if name != _OFFSETS
    }


def _content(path: Path) -> Mapping[str, Array]:
    """The arrays of a file. Raises `DataError`."""
    try:
        return _loaded(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise parts.unreadable(error) from error


@functools.lru_cache(maxsize=1)
def _loaded(path: Path, _: int) -> Mapping[str, Array]:
    """The last file is kept as long as it does not change, for it may hold all examples."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except _UNREADABLE as error:
        raise DataError(f"cannot read {path}: {error}", "write it with numpy.savez") from error
