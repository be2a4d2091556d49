"""Data sets by name: which inputs calibrate a model, which evaluate it, and what is right for each.

    scenes               the built-in digit scenes
    imagefolder:PATH     one folder a class; PATH/train and PATH/val where there are both

No input that sets ranges is among those that measure: an accuracy on what set the ranges would
flatter. A new data set is a class with the members of `DataSet`, and a row in `DATA_SETS`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from edgebench.errors import DataError, UnknownNameError, UsageError
from edgebench.models.data import imagefolder, scenes
from edgebench.models.data.images import ImageSet, Labels

TRAIN = ("train",)
HELD_OUT = ("val", "validation", "test")
CALIBRATION_SHARE = 0.25
CALIBRATION_MINIMUM = 8
"""What calibration takes of a folder that has no split of its own; of a tiny one half at most."""


class DataSet(Protocol):
    """Labelled images in two parts that share none.

    `source` names it in manifests and reports. `mean` and `std` are what models of it usually take,
    per channel, for pixels in 0..1, and `class_names` their classes, None for those of the folders.
    `measures` is how many images tell an accuracy well enough for the time that they take.
    """

    @property
    def source(self) -> str: ...
    @property
    def mean(self) -> tuple[float, float, float]: ...
    @property
    def std(self) -> tuple[float, float, float]: ...
    @property
    def class_names(self) -> tuple[str, ...] | None: ...
    @property
    def measures(self) -> int: ...

    def identity(self) -> str:
        """What changes when the data changes, without reading it. Raises `DataError`."""
        ...

    def calibration(self, count: int, height: int, width: int) -> ImageSet:
        """At most `count` images that set ranges, (N, height, width, 3). Raises `DataError`."""
        ...

    def evaluation(self, count: int, height: int, width: int) -> ImageSet:
        """At most `count` labelled images that measure. Raises `DataError`."""
        ...


@dataclass(frozen=True)
class Scenes:
    """The digit scenes of `edgebench.models.data.scenes`. They are square."""

    source: str = "scenes of training digits"
    mean: tuple[float, float, float] = scenes.MEAN
    std: tuple[float, float, float] = scenes.STD
    class_names: tuple[str, ...] | None = scenes.CLASS_NAMES
    measures: int = 2000

    def identity(self) -> str:
        return "scenes"

    def calibration(self, count: int, height: int, width: int) -> ImageSet:
        return scenes.calibration(count, _side(height, width))

    def evaluation(self, count: int, height: int, width: int) -> ImageSet:
        return scenes.evaluation(count, _side(height, width))


def _side(height: int, width: int) -> int:
    if height != width:
        raise DataError(
            f"digit scenes are square, and the input is {height}x{width}", "give other data"
        )
    return height


@dataclass(frozen=True)
class ImageFolder:
    """A folder of pictures, one subfolder a class.

    With a train and a val (or validation, or test) folder, the first calibrates and the second
    evaluates. Otherwise the folder is split: pictures at even distances through the list calibrate,
    a quarter of them at most, and all others evaluate.
    """

    folder: Path

    mean: tuple[float, float, float] = imagefolder.MEAN
    std: tuple[float, float, float] = imagefolder.STD
    class_names: tuple[str, ...] | None = None
    measures: int = 500

    @property
    def source(self) -> str:
        return f"folder {self.folder.name}"

    def identity(self) -> str:
        if not self.folder.is_dir():
            raise DataError(f"there is no folder {self.folder}", "give a folder of images")
        try:
            next(self.folder.iterdir(), None)  # which, unlike rglob, says where it may not look
            rows = [
                (str(path.relative_to(self.folder)), path.stat().st_size, path.stat().st_mtime_ns)
                for path in sorted(self.folder.rglob("*"))
                if path.is_file()
            ]
        except OSError as error:
            raise imagefolder.unreadable(error) from error
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def calibration(self, count: int, height: int, width: int) -> ImageSet:
        train, val = self._inner(TRAIN), self._inner(HELD_OUT)
        if train is not None and val is not None:
            found = imagefolder.listing(train)
            chosen = imagefolder.spread(len(found.files), min(count, len(found.files)))
        else:
            found = imagefolder.listing(self.folder)
            chosen = _calibrating(len(found.files), count)
        return imagefolder.read(found, chosen, height, width)

    def evaluation(self, count: int, height: int, width: int) -> ImageSet:
        train, val = self._inner(TRAIN), self._inner(HELD_OUT)
        if val is not None:
            found = imagefolder.listing(val)
            left = list(range(len(found.files)))
        else:
            found = imagefolder.listing(train or self.folder)
            taken = set(_calibrating(len(found.files), None))
            left = [i for i in range(len(found.files)) if i not in taken]
        chosen = [left[i] for i in imagefolder.spread(len(left), min(count, len(left)))]
        return imagefolder.read(found, chosen, height, width)

    def _inner(self, names: Sequence[str]) -> Path | None:
        return next((self.folder / n for n in names if (self.folder / n).is_dir()), None)


def _calibrating(total: int, count: int | None) -> list[int]:
    """Which pictures of an unsplit folder calibrate: at most `count` of a fixed share."""
    most = max(round(total * CALIBRATION_SHARE), min(CALIBRATION_MINIMUM, total // 2))
    every = imagefolder.spread(total, most)
    if count is None or count >= len(every):
        return every
    return [every[i] for i in imagefolder.spread(len(every), count)]


DATA_SETS: dict[str, tuple[str, Callable[[str], DataSet]]] = {
    "scenes": ("scenes", lambda _: Scenes()),
    "imagefolder": ("imagefolder:PATH", lambda path: ImageFolder(Path(path))),
}
"""By name: how it is written, and how it is opened with what stands behind the colon."""

BUILT_IN = frozenset(name for name, (written, _) in DATA_SETS.items() if ":" not in written)
"""Data sets that need no path; models of the zoo are trained on them."""

WRITTEN = ", ".join(written for written, _ in DATA_SETS.values())


def is_named(text: str) -> bool:
    """Whether a text names a data set of the table, such as `imagefolder:photos`."""
    return text.partition(":")[0] in DATA_SETS


def open_data(text: str) -> DataSet:
    """The data set that `--data` names. Raises `UnknownNameError`, `UsageError`."""
    name, _, path = text.partition(":")
    if name not in DATA_SETS:
        raise UnknownNameError("data set", name, (written for written, _ in DATA_SETS.values()))
    written, opened = DATA_SETS[name]
    if (":" in written) != bool(path):
        wrong = "takes no path" if path else "needs a path"
        raise UsageError(f"{name} {wrong}", f"write {written}")
    return opened(path)


def model_classes(
    found: ImageSet, source: str, classes: int, labels: Sequence[str] | None
) -> Labels:
    """Which of the model's classes each image belongs to, (N,).

    The folders' names are looked up among the model's labels, or are the numbers of its classes;
    otherwise there have to be as many folders as classes, and both are in the order of the names.
    Raises `DataError` where that leaves the classes unknown.
    """
    names = found.class_names
    if not found.labelled:
        raise DataError(
            f"{source} has no class folders, so that no answer is known to be right",
            "put the images of each class into a folder named for it",
        )
    order = {label: index for index, label in enumerate(labels or ())}
    if order and all(name in order for name in names):
        index = [order[name] for name in names]
    elif all(name.isdecimal() and int(name) < classes for name in names):
        index = [int(name) for name in names]
    elif len(names) == classes:
        index = list(range(classes))
    else:
        raise DataError(
            f"{source} has {len(names)} class folders and the model {classes} classes",
            "name the folders by class number, or as in the file given with --labels",
        )
    return np.array(index, np.int64)[found.labels]
