"""A folder of pictures as a data set, one subfolder a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgebench.models.data import imagefolder, pictures
from edgebench.models.data.dataset import Examples
from edgebench.models.data.parts import Parts, identity, inner_folders
from edgebench.models.data.pictures import Frame, Labelled, Resize

Classed = Labelled[str | None]


@dataclass(frozen=True)
class ImageFolder:
    """A folder of pictures, one subfolder a class.

    With a train and a val (or validation, or test) folder, the first calibrates and the second
    evaluates. With one of them alone, that one is the set.
    """

    folder: Path

    tasks: tuple[str, ...] = ("classification",)
    pictures: bool = True
    mean: tuple[float, float, float] = imagefolder.MEAN
    std: tuple[float, float, float] = imagefolder.STD
    resize: Resize = "crop"
    class_names: tuple[str, ...] | None = None
    measures: int = 500

    @property
    def source(self) -> str:
        return f"folder {self.folder.name}"

    def identity(self) -> str:
        return identity(self.folder)

    def calibration(self, count: int, frame: Frame, task: str | None, alone: bool) -> Examples:
        return self._read(self._parts().calibration(count, alone), frame)

    def evaluation(self, count: int, frame: Frame, task: str | None, alone: bool) -> Examples:
        return self._read(self._parts().evaluation(count, alone), frame)

    def _parts(self) -> Parts[Classed]:
        train, val = inner_folders(self.folder)
        if train is not None and val is not None:
            return Parts(_listed(train), _listed(val))
        return Parts(_listed(train or val or self.folder))

    def _read(self, chosen: Sequence[Classed], frame: Frame) -> Examples:
        made = pictures.read(chosen, frame, self.source)
        names = tuple(sorted({one.labels for one in chosen if one.labels is not None}))
        if not names:
            return Examples(made.images, left_out=made.left_out)
        places = np.array([names.index(name) for name in made.labels if name is not None])
        return Examples(made.images, {"labels": places}, names, "labels", made.left_out)


def _listed(folder: Path) -> list[Classed]:
    found = imagefolder.listing(folder)
    if not found.labels:
        return [Labelled(path, None, None) for path in found.files]
    return [
        Labelled(path, None, found.class_names[label])
        for path, label in zip(found.files, found.labels, strict=True)
    ]
