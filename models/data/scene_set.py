"""The digit scenes as a data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgebench.errors import DataError
from edgebench.models.data import scenes
from edgebench.models.data.dataset import Array, Examples
from edgebench.models.data.images import ImageSet
from edgebench.models.data.pictures import Frame, Resize
from edgebench.models.kinds import DETECTION, SEGMENTATION

LOCATED = 500
"""So many scenes tell an AP or a mIoU: each holds three digits."""


@dataclass(frozen=True)
class Scenes:
    """The digit scenes of `edgebench.models.data.scenes`. They are square."""

    source: str = "scenes of training digits"
    tasks: tuple[str, ...] = tuple(scenes.NAMES)
    pictures: bool = True
    mean: tuple[float, float, float] = scenes.MEAN
    std: tuple[float, float, float] = scenes.STD
    resize: Resize = "crop"
    class_names: tuple[str, ...] | None = scenes.CLASS_NAMES
    measures: int = 2000

    def identity(self) -> str:
        return "scenes"

    def calibration(self, count: int, frame: Frame, task: str | None, alone: bool) -> Examples:
        return _examples(scenes.calibration(count, _side(frame)))

    def evaluation(self, count: int, frame: Frame, task: str | None, alone: bool) -> Examples:
        if task in (DETECTION, SEGMENTATION):
            return located(min(count, LOCATED), _side(frame), task)
        return _examples(scenes.evaluation(count, _side(frame)))


def located(count: int, side: int, task: str) -> Examples:
    """The test scenes with the places of their digits, as the task has labels."""
    images, found = scenes.with_things("test", count, scenes.EVALUATION_SEED, side)
    if task == SEGMENTATION:
        return Examples(images, {"maps": found.maps}, scenes.NAMES[task])
    labels: dict[str, Array] = {
        "boxes": found.boxes,
        "classes": found.classes,
        "crowd": np.zeros(len(found.classes), np.bool_),
        "offsets": found.offsets,
    }
    return Examples(images, labels, scenes.NAMES[task], "classes")


def _side(frame: Frame) -> int:
    if frame.height != frame.width:
        raise DataError(
            f"digit scenes are square, and the input is {frame.height}x{frame.width}",
            "give other data",
        )
    return frame.height


def _examples(made: ImageSet) -> Examples:
    return Examples(made.images, {"labels": made.labels}, made.class_names, "labels")
