"""Pictures with boxes, as COCO has them: a folder, and a JSON file of annotations.

The format: https://cocodataset.org/#format-data (object detection).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from edgebench.errors import DataError
from edgebench.models.data import imagefolder, pictures, things
from edgebench.models.data.dataset import Examples
from edgebench.models.data.parts import Parts, identity
from edgebench.models.data.pictures import Frame, Labelled, Resize
from edgebench.models.data.things import Thing

Boxed = Labelled[tuple[Thing, ...]]


@dataclass(frozen=True)
class Coco:
    """A folder of pictures and a JSON file that says what is in them.

    The classes are the file's categories in the order of their ids. Crowds are kept as such.
    """

    folder: Path
    annotations: Path

    tasks: tuple[str, ...] = ("detection",)
    pictures: bool = True
    mean: tuple[float, float, float] = imagefolder.MEAN
    std: tuple[float, float, float] = imagefolder.STD
    resize: Resize = "stretch"
    measures: int = 500

    @property
    def source(self) -> str:
        return f"COCO {self.annotations.name}"

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._read[0]

    def identity(self) -> str:
        try:
            stat = self.annotations.stat()
        except OSError as error:
            raise self._unreadable(error.strerror or "") from error
        both = [identity(self.folder), stat.st_size, stat.st_mtime_ns]
        return hashlib.sha256(json.dumps(both).encode()).hexdigest()

    def calibration(self, count: int, frame: Frame, task: str | None, alone: bool) -> Examples:
        return self._examples(Parts(self._read[1]).calibration(count, alone), frame)

    def evaluation(self, count: int, frame: Frame, task: str | None, alone: bool) -> Examples:
        return self._examples(Parts(self._read[1]).evaluation(count, alone), frame)

    def training(self) -> list[Boxed]:
        """All pictures, in the order of their names. Raises `DataError`."""
        return self._read[1]

    def _examples(self, chosen: Sequence[Boxed], frame: Frame) -> Examples:
        made = pictures.read(chosen, frame, self.source)
        labels = things.arrays(made.labels, made.sizes, self.class_names, frame)
        return Examples(made.images, labels, self.class_names, "classes", made.left_out)

    @cached_property
    def _read(self) -> tuple[tuple[str, ...], list[Boxed]]:
        """The names of the classes, and the pictures in the order of their ids."""
        try:
            content = json.loads(self.annotations.read_bytes())
        except OSError as error:
            raise self._unreadable(error.strerror or "") from error
        except ValueError as error:
            raise self._unreadable(f"it is not JSON: {error}") from error
        try:
            return self._parsed(content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._unreadable(f"it is not in COCO's format ({error!r})") from error

    def _parsed(self, content: Any) -> tuple[tuple[str, ...], list[Boxed]]:
        categories = sorted(content["categories"], key=lambda one: int(one["id"]))
        names = {one["id"]: str(one["name"]) for one in categories}
        found: dict[Any, list[Thing]] = {image["id"]: [] for image in content["images"]}
        for one in content["annotations"]:
            left, top, width, height = map(float, one["bbox"])
            box = (left, top, left + width, top + height)
            thing = Thing(box, names[one["category_id"]], bool(one.get("iscrowd", 0)))
            found[one["image_id"]].append(thing)
        images = sorted(content["images"], key=lambda image: str(image["file_name"]))
        return tuple(names.values()), [
            Labelled(
                self.folder / image["file_name"],
                (int(image["width"]), int(image["height"])),
                tuple(found[image["id"]]),
            )
            for image in images
        ]

    def _unreadable(self, reason: str) -> DataError:
        return DataError(
            f"cannot read the annotations in {self.annotations}: {reason}",
            "give COCO's instances file, such as coco:val2017,annotations/instances_val2017.json",
        )
