"""Pictures with boxes and class maps, in the folders of PASCAL VOC.

    PATH/JPEGImages             pictures
    PATH/Annotations            boxes, an .xml for each picture
    PATH/SegmentationClass      maps, a .png for each picture whose pixels are the classes' numbers
    PATH/ImageSets/*/train.txt  names of pictures, a line each; so is val.txt

The format: Everingham and Winn, "The PASCAL VOC 2012 development kit", 2012.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from edgebench.errors import DataError
from edgebench.models.data import imagefolder, pictures, things
from edgebench.models.data.dataset import Array, Examples
from edgebench.models.data.parts import HELD_OUT, TRAIN, Parts, identity, unreadable
from edgebench.models.data.pictures import Frame, Labelled, Resize, Size, framed_map
from edgebench.models.data.things import Thing

T = TypeVar("T")

NAMES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
BOXES, MAPS = "detection", "segmentation"
_FOLDERS = {
    BOXES: ("Annotations", ".xml", "Main"),
    MAPS: ("SegmentationClass", ".png", "Segmentation"),
}
"""By task: where the labels of a picture are, and which image sets are for them."""


@dataclass(frozen=True)
class Voc:
    """A folder in VOC's layout.

    The train and val lists part it, if it has both. Classes of boxes are VOC's twenty, or the names
    in all annotations in alphabetical order. Difficult things count as crowds. Maps hold classes as
    models number them, and the largest value where no class is to be told.
    """

    folder: Path

    tasks: tuple[str, ...] = (BOXES, MAPS)
    pictures: bool = True
    mean: tuple[float, float, float] = imagefolder.MEAN
    std: tuple[float, float, float] = imagefolder.STD
    resize: Resize = "stretch"
    class_names: tuple[str, ...] | None = None
    measures: int = 500

    @property
    def source(self) -> str:
        return f"VOC {self.folder.name}"

    def identity(self) -> str:
        return identity(self.folder)

    def calibration(self, count: int, frame: Frame, task: str | None, alone: bool) -> Examples:
        chosen = self._parts(task).calibration(count, alone)
        made = pictures.read([Labelled(path, None, None) for path in chosen], frame, self.source)
        return Examples(made.images, left_out=made.left_out)

    def evaluation(self, count: int, frame: Frame, task: str | None, alone: bool) -> Examples:
        chosen = self._parts(task).evaluation(count, alone)
        if task == BOXES:
            return self._boxed(chosen, frame)
        if task == MAPS:
            return self._mapped(chosen, frame)
        made = pictures.read([Labelled(path, None, None) for path in chosen], frame, self.source)
        return Examples(made.images, left_out=made.left_out)

    def parts(self, task: str) -> tuple[Sequence[Path], Sequence[Path]]:
        """The pictures to train on for a task, and those held out. Raises `DataError`."""
        found = self._parts(task)
        return found.train, found.held_out or ()

    def annotated(self, picture: Path) -> tuple[Size, tuple[Thing, ...]]:
        """The size of a picture and what is in it. Raises `DataError`."""
        found = _annotated(self._labels(BOXES, picture))
        return found.size, found.things

    def class_map(self, picture: Path) -> Array:
        """The class of each of a picture's pixels. Raises `DataError`."""
        return _class_map(self._labels(MAPS, picture))

    def _boxed(self, chosen: Sequence[Path], frame: Frame) -> Examples:
        found, left_out = _each(chosen, lambda path: _annotated(self._labels(BOXES, path)))
        boxed = [Labelled(path, one.size, one.things) for path, one in found]
        made = pictures.read(boxed, frame, self.source)
        names = self.names()
        labels = things.arrays(made.labels, made.sizes, names, frame)
        return Examples(made.images, labels, names, "classes", (*left_out, *made.left_out))

    def _mapped(self, chosen: Sequence[Path], frame: Frame) -> Examples:
        found, left_out = _each(chosen, lambda path: _class_map(self._labels(MAPS, path)))
        mapped = [
            Labelled(path, (one.shape[1], one.shape[0]), framed_map(one, frame, _rest(one)))
            for path, one in found
        ]
        made = pictures.read(mapped, frame, self.source)
        if len({one.dtype for one in made.labels}) > 1:
            raise DataError(f"the maps of {self.source} have 8 and 16 bits", "write all in 16 bits")
        labels = {"maps": np.stack(made.labels)}
        return Examples(made.images, labels, left_out=(*left_out, *made.left_out))

    def _parts(self, task: str | None) -> Parts[Path]:
        """The pictures with labels for a task, by the lists of it."""
        try:
            every = sorted(
                path
                for path in (self.folder / "JPEGImages").iterdir()
                if path.suffix.lower() in imagefolder.SUFFIXES
                and (task not in _FOLDERS or self._labels(task, path).exists())
            )
        except OSError as error:
            raise unreadable(error) from error
        if not every:
            wanted = f" with {_FOLDERS[task][0]}" if task in _FOLDERS else ""
            raise DataError(f"{self.folder} holds no pictures{wanted}", "give a folder like VOC's")
        sets = self.folder / "ImageSets" / _FOLDERS.get(task or "", ("", "", "Main"))[2]
        train, held_out = _listed(sets, TRAIN), _listed(sets, HELD_OUT)
        if train and held_out:
            return Parts(*([p for p in every if p.stem in names] for names in (train, held_out)))
        alone = train or held_out
        return Parts([p for p in every if p.stem in alone] if alone else every)

    def _labels(self, task: str, picture: Path) -> Path:
        place, suffix, _ = _FOLDERS[task]
        return self.folder / place / (picture.stem + suffix)

    def names(self) -> tuple[str, ...]:
        """The classes of its boxes, in the order of their numbers."""
        files = sorted((self.folder / _FOLDERS[BOXES][0]).glob("*.xml"))
        annotated, _ = _each(files, _annotated)
        found = {thing.name for _, one in annotated for thing in one.things}
        return NAMES if found <= set(NAMES) else tuple(sorted(found))


@dataclass(frozen=True)
class _Annotated:
    size: Size
    things: tuple[Thing, ...]


def _each(
    files: Sequence[Path], read: Callable[[Path], T]
) -> tuple[list[tuple[Path, T]], list[str]]:
    """What is read for each file, and why it could not be for the others."""
    found: list[tuple[Path, T]] = []
    left_out: list[str] = []
    for path in files:
        try:
            found.append((path, read(path)))
        except DataError as error:
            left_out.append(error.message)
    return found, left_out


def _listed(sets: Path, names: Sequence[str]) -> set[str]:
    """The pictures in the first of some lists that is there; none without any."""
    path = next((sets / f"{name}.txt" for name in names if (sets / f"{name}.txt").exists()), None)
    if path is None:
        return set()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise unreadable(error) from error
    return {line.split()[0] for line in lines if line.strip()}


def _annotated(path: Path) -> _Annotated:
    """The boxes of a picture. VOC counts pixels from 1, and the last one belongs to the box."""
    try:
        root = ElementTree.parse(path).getroot()
        size = (int(root.findtext("size/width", "")), int(root.findtext("size/height", "")))
        found = []
        for one in root.iterfind("object"):
            left, top, right, bottom = (
                float(one.findtext(f"bndbox/{side}", ""))
                for side in ("xmin", "ymin", "xmax", "ymax")
            )
            difficult = one.findtext("difficult", "0").strip() == "1"
            name = one.findtext("name", "").strip()
            found.append(Thing((left - 1, top - 1, right, bottom), name, difficult))
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise DataError(f"cannot read {path}: {error}", "remove or replace it") from error
    return _Annotated(size, tuple(found))


def _class_map(path: Path) -> Array:
    """The classes of a picture's pixels, (height, width) uint8 or uint16."""
    try:
        with Image.open(path) as picture:
            if picture.mode not in ("P", "L", "1") and not picture.mode.startswith("I;16"):
                raise ValueError(f"its pixels are colours ({picture.mode}), not numbers of classes")
            values = np.asarray(picture)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as error:
        raise DataError(f"cannot read the map {path}: {error}", "remove or replace it") from error
    return values.astype(np.uint16 if picture.mode.startswith("I") else np.uint8)


def _rest(values: Array) -> int:
    """The value that means no class."""
    return int(np.iinfo(values.dtype).max)
