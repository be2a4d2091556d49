"""What a data set is: inputs with labels, in a part that calibrates and one that evaluates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgebench.models.data.images import Pixels
from edgebench.models.data.pictures import Frame, Resize

Array = npt.NDArray[Any]

Row = Mapping[str, Array]
"""The arrays of one example, by name."""


def _no_images() -> Pixels:
    return np.empty((0, 1, 1, 3), np.uint8)


@dataclass(frozen=True)
class Examples:
    """Images (N, height, width, 3) and their labels, as arrays of the task (docs/tasks.md).

    Where inputs are no pictures, they are `rows` instead: one for each example, with an array for
    each input and possibly more.
    The array `numbered` counts the classes in the order of `class_names`; where it is None, labels
    count them as models do. There are no arrays where the images have no labels. `left_out` says
    which images could not be read, and why.
    """

    images: Pixels = field(default_factory=_no_images)
    labels: Mapping[str, Array] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    numbered: str | None = None
    left_out: tuple[str, ...] = ()
    rows: Sequence[Row] = ()

    def __len__(self) -> int:
        return len(self.images) or len(self.rows)


class DataSet(Protocol):
    """Examples in two parts that share none; `alone` says that a part is asked for by itself.

    `source` names the set in manifests and reports, and `tasks` are those that it has labels for.
    `pictures` says whether inputs are images, which come in a frame; otherwise they are arrays by
    the names of the inputs, and what is said of images below means nothing.
    `mean` and `std` are what models of it usually take, per channel, for pixels in 0..1, `resize`
    how they see pictures, and `class_names` their classes, None where only the data tells.
    `measures` is how many examples tell an accuracy well enough for the time that they take.
    """

    @property
    def source(self) -> str: ...
    @property
    def tasks(self) -> tuple[str, ...]: ...
    @property
    def pictures(self) -> bool: ...
    @property
    def mean(self) -> tuple[float, float, float]: ...
    @property
    def std(self) -> tuple[float, float, float]: ...
    @property
    def resize(self) -> Resize: ...
    @property
    def class_names(self) -> tuple[str, ...] | None: ...
    @property
    def measures(self) -> int: ...

    def identity(self) -> str:
        """What changes when the data changes, without reading it. Raises `DataError`."""
        ...

    def calibration(self, count: int, frame: Frame, task: str | None, alone: bool) -> Examples:
        """At most `count` examples that set ranges; labels do not matter. Raises `DataError`."""
        ...

    def evaluation(self, count: int, frame: Frame, task: str | None, alone: bool) -> Examples:
        """At most `count` examples that measure, with labels for a task. Raises `DataError`."""
        ...
