"""What a data set is: pictures with labels, in a part that calibrates and one that evaluates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy.typing as npt

from edgebench.models.data.images import Pixels
from edgebench.models.data.pictures import Frame, Resize

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Examples:
    """Images (N, height, width, 3) and their labels, as arrays of the task (docs/tasks.md).

    The array `numbered` counts the classes in the order of `class_names`; where it is None, labels
    count them as models do. There are no arrays where the images have no labels. `left_out` says
    which images could not be read, and why.
    """

    images: Pixels
    labels: Mapping[str, Array] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    numbered: str | None = None
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)


class DataSet(Protocol):
    """Images in two parts that share none; `alone` says that a part is asked for by itself.

    `source` names the set in manifests and reports, and `tasks` are those that it has labels for.
    `mean` and `std` are what models of it usually take, per channel, for pixels in 0..1, `resize`
    how they see pictures, and `class_names` their classes, None where only the data tells.
    `measures` is how many images tell an accuracy well enough for the time that they take.
    """

    @property
    def source(self) -> str: ...
    @property
    def tasks(self) -> tuple[str, ...]: ...
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
        """At most `count` images that set ranges; labels do not matter. Raises `DataError`."""
        ...

    def evaluation(self, count: int, frame: Frame, task: str | None, alone: bool) -> Examples:
        """At most `count` images that measure, with labels for a task. Raises `DataError`."""
        ...
