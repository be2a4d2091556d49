"""The pictures of COCO's and VOC's folders as trainings read them: one at a time, at full size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgebench.errors import DataError
from edgebench.models.data.augmentation import NO_CLASS, Located
from edgebench.models.data.coco import Coco
from edgebench.models.data.dataset import Examples
from edgebench.models.data.images import Pixels
from edgebench.models.data.pictures import Frame, Size, decode
from edgebench.models.data.things import Thing
from edgebench.models.data.voc import Voc
from edgebench.models.kinds import DETECTION
from edgebench.models.spec import ModelSpec

_TESTED = 500


@dataclass(frozen=True)
class TrainingPictures:
    """Pictures by number, with their labels, and what there is to test on."""

    source: str
    identity: str
    count: int
    load: Callable[[int], tuple[Pixels, Located]]
    test: Callable[[], Examples | None]


def coco_pictures(data: Coco, spec: ModelSpec) -> TrainingPictures:
    """All pictures of COCO's file: it is one part of its data, so that nothing is left to test on.

    Raises `DataError` for a file that cannot be read, or has more classes than the model.
    """
    boxed, names = data.training(), data.class_names
    _require_classes(names, spec, data.source)

    def load(number: int) -> tuple[Pixels, Located]:
        one = boxed[number]
        return _boxed(one.path, one.size, one.labels, names)

    return TrainingPictures(data.source, data.identity(), len(boxed), load, lambda: None)


def voc_pictures(data: Voc, spec: ModelSpec) -> TrainingPictures:
    """VOC's pictures for training, and those of its val list, if it has one, for testing."""
    train, held_out = data.parts(spec.task)
    frame = Frame(spec.input_size, spec.input_size, "stretch")
    names = data.names() if spec.task == DETECTION else ()
    _require_classes(names, spec, data.source)

    def load(number: int) -> tuple[Pixels, Located]:
        path = train[number]
        if spec.task == DETECTION:
            size, things = data.annotated(path)
            return _boxed(path, size, things, names)
        values = data.class_map(path)
        if values.dtype != np.uint8 or (values[values != NO_CLASS] >= spec.num_classes).any():
            raise DataError(
                f"the map of {path.name} has classes beyond {spec.num_classes - 1}",
                f"{spec.name} has {spec.num_classes} classes, the background among them",
            )
        picture = decode(path, (values.shape[1], values.shape[0]))
        nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
        return np.asarray(picture), Located(*nothing, values)

    def test() -> Examples | None:
        if not held_out:
            return None
        found = data.evaluation(_TESTED, frame, spec.task, alone=False)
        if found.left_out:  # The score of a checkpoint is over the whole set.
            raise DataError(found.left_out[0], "remove or replace it")
        return found

    return TrainingPictures(data.source, data.identity(), len(train), load, test)


def _boxed(
    path: Path, size: Size | None, things: tuple[Thing, ...], names: tuple[str, ...]
) -> tuple[Pixels, Located]:
    """A picture with its boxes; crowds are no single thing, and teach nothing."""
    order = {name: index for index, name in enumerate(names)}
    alone = [one for one in things if not one.crowd]
    boxes = np.array([one.box for one in alone], np.float32).reshape(-1, 4)
    classes = np.array([order[one.name] for one in alone], np.int64)
    seen = (boxes[:, 2:] > boxes[:, :2]).all(1)
    located = Located(boxes[seen], classes[seen], np.zeros((1, 1), np.uint8))
    return np.asarray(decode(path, size)), located


def _require_classes(names: tuple[str, ...], spec: ModelSpec, source: str) -> None:
    room = spec.num_classes - 1
    if len(names) > room:
        raise DataError(
            f"{source} has {len(names)} classes and {spec.name} {room}",
            "choose a model with as many classes",
        )
