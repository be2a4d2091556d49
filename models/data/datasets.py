"""Data sets by name: which inputs calibrate a model, which evaluate it, and what is right for each.

    scenes                          the built-in digit scenes
    imagefolder:PATH                one folder a class; PATH/train and PATH/val where there are both
    coco:IMAGES,ANNOTATIONS.json    boxes
    voc:PATH                        boxes, and a class for each pixel
    npz:PATH                        arrays by the names of the inputs, in one file or one an example

No input that sets ranges is among those that measure: an accuracy on what set the ranges would
flatter. A new data set is a class with the members of `DataSet`, and a row in `DATA_SETS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edgebench.errors import DataError, UnknownNameError, UsageError
from edgebench.models.data.arrays import Arrays
from edgebench.models.data.class_folders import ImageFolder
from edgebench.models.data.coco import Coco
from edgebench.models.data.dataset import DataSet
from edgebench.models.data.scene_set import Scenes
from edgebench.models.data.voc import Voc

DATA_SETS: dict[str, tuple[str, Callable[[str], DataSet]]] = {
    "scenes": ("scenes", lambda _: Scenes()),
    "imagefolder": ("imagefolder:PATH", lambda path: ImageFolder(Path(path))),
    "coco": ("coco:IMAGES,ANNOTATIONS.json", lambda paths: Coco(*_two(paths))),
    "voc": ("voc:PATH", lambda path: Voc(Path(path))),
    "npz": ("npz:PATH", lambda path: Arrays(Path(path))),
}
"""By name: how it is written, and how it is opened with what stands behind the colon."""

BUILT_IN = frozenset(name for name, (written, _) in DATA_SETS.items() if ":" not in written)
"""Data sets that need no path; models of the zoo are trained on them."""

WRITTEN = ", ".join(written for written, _ in DATA_SETS.values())


def _two(paths: str) -> tuple[Path, Path]:
    images, comma, annotations = paths.rpartition(",")
    if not (images and comma and annotations):
        raise UsageError(
            "coco needs a folder and a file, with a comma between",
            f"write {DATA_SETS['coco'][0]}",
        )
    return Path(images), Path(annotations)


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
    names: Sequence[str], source: str, classes: int | None, labels: Sequence[str] | None
) -> list[int]:
    """Which of the model's classes each class of a data set is.

    Their names are looked up among the model's labels, or are the numbers of its classes;
    otherwise there have to be as many of one as of the other, in the same order. `classes` is how
    many the model has, None where nobody knows. Raises `DataError` where that leaves the classes
    unknown.
    """
    order = {label: index for index, label in enumerate(labels or ())}
    if order and all(name in order for name in names):
        return [order[name] for name in names]
    known = len(order) or classes
    if known is not None and all(name.isdecimal() and int(name) < known for name in names):
        return [int(name) for name in names]
    if len(names) == (known or len(names)):
        return list(range(len(names)))
    raise DataError(
        f"{source} has {len(names)} classes and the model {known}",
        "name the classes by number, or as in the file given with --labels",
    )
