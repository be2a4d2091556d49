"""The digit scenes as a data set."""

from __future__ import annotations

from dataclasses import dataclass

from edgebench.errors import DataError
from edgebench.models.data import scenes
from edgebench.models.data.dataset import Examples
from edgebench.models.data.images import ImageSet
from edgebench.models.data.pictures import Frame, Resize


@dataclass(frozen=True)
class Scenes:
    """The digit scenes of `edgebench.models.data.scenes`. They are square."""

    source: str = "scenes of training digits"
    tasks: tuple[str, ...] = ("classification",)
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
        return _examples(scenes.evaluation(count, _side(frame)))


def _side(frame: Frame) -> int:
    if frame.height != frame.width:
        raise DataError(
            f"digit scenes are square, and the input is {frame.height}x{frame.width}",
            "give other data",
        )
    return frame.height


def _examples(made: ImageSet) -> Examples:
    return Examples(made.images, {"labels": made.labels}, made.class_names, "labels")
