"""Semantic segmentation: a class for each pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from edgebench.errors import DataError, UsageError
from edgebench.tasks import jackknife, roles
from edgebench.tasks.drawing import Drawing
from edgebench.tasks.reduction import Reduction, argmax, identity, small
from edgebench.tasks.task import (
    Array,
    Assignment,
    Criterion,
    FigureColumn,
    Floats,
    ModelOutput,
    Outputs,
    PartOfOutput,
    RoleOutput,
    Score,
    Signature,
    Tally,
    Truth,
    checked,
    paired,
)

LOGITS, PROBABILITIES, MAP = "logits", "probabilities", "map"
Ints = npt.NDArray[np.int64]

NAMED = 4
"""So many classes are named of an image."""


@dataclass(frozen=True)
class SegmentationLayout:
    """`channels` says which axis of scores counts the classes; `classes` is their number."""

    channels: Literal["first", "last"] | None = None
    classes: int | None = None


@dataclass(frozen=True)
class ClassMaps(Truth):
    """`maps` (images, height, width) uint8 or uint16; the largest value is no class: ignored."""

    maps: Array

    def __len__(self) -> int:
        return len(self.maps)

    def arrays(self) -> dict[str, Array]:
        return {"maps": self.maps}

    def part(self, start: int, stop: int) -> Self:
        return type(self)(self.maps[start:stop])


class Areas(Tally):
    """By image and class: the pixels that are right, that are predicted, and that are there."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        classes = roles.layout_of(assignment.layout, SegmentationLayout).classes
        assert classes is not None
        self._classes = classes
        self._areas: list[Ints] = []

    @property
    def images(self) -> int:
        return len(self._areas)

    def add(self, outputs: Outputs, truth: Truth) -> None:
        assert isinstance(truth, ClassMaps)
        paired(self._assignment, outputs, truth)
        maps = _maps(self._assignment, outputs)
        for predicted, wanted in zip(maps, truth.maps, strict=True):
            self._areas.append(self._measured(enlarged(predicted, wanted.shape), wanted))

    def _measured(self, predicted: Array, wanted: Array) -> Ints:
        valid = wanted != np.iinfo(wanted.dtype).max
        predicted, wanted = predicted[valid], wanted[valid]
        for what, values in (("label", wanted), ("predicted class", predicted)):
            if values.size and values.max() >= self._classes:
                raise DataError(
                    f"a {what} is {values.max()}, but there are {self._classes} classes",
                    "use a model and labels of the same classes",
                )
        areas = (wanted[wanted == predicted], predicted, wanted)
        return np.stack([np.bincount(area, minlength=self._classes) for area in areas])

    def score(self) -> Score | None:
        return jackknife.score(self.figures, self.images)

    def _difference(self, other: Self) -> Score | None:
        return jackknife.difference(self.figures, other.figures, self.images)

    def truth_key(self) -> tuple[Array, ...]:
        return (self._table()[:, 2],)

    def figures(self, weights: Floats) -> dict[str, Floats]:
        """mIoU and pixel accuracy of weighted images, for each row of (choices, images).

        A class that is neither there nor predicted has no IoU, and does not count.
        """
        table = self._table()
        sums = weights @ table.reshape(len(table), -1)
        right, predicted, there = sums.reshape(-1, *table.shape[1:]).transpose(1, 0, 2)
        union = predicted + there - right
        present = union > 0
        iou = np.divide(right, union, out=np.zeros_like(right), where=present)
        with np.errstate(invalid="ignore"):  # No labelled pixel: there is no figure, but NaN.
            return {
                "miou": iou.sum(1) / present.sum(1),
                "pixels": right.sum(1) / there.sum(1),
            }

    def _table(self) -> Ints:
        """(images, 3, classes)."""
        return np.array(self._areas, np.int64).reshape(-1, 3, self._classes)


class Segmentation:
    """The output is a score for each class and pixel, or each pixel's class."""

    name = "segmentation"
    roles = {  # noqa: RUF012
        LOGITS: "images x classes x height x width; of one class, above 0 is that class",
        PROBABILITIES: "the same after a softmax or sigmoid; of one class, above 0.5 is that class",
        MAP: "images x height x width, each pixel's class as a whole number",
    }
    figures = (
        FigureColumn(
            "miou",
            "mIoU",
            meaning="mIoU: intersection over union, the mean over the classes, of the device's "
            "outputs.",
        ),
        FigureColumn("pixels", "pixels right", meaning="Pixels right: with the label's class."),
    )
    agreement = FigureColumn(
        "agreement",
        "pixels agree",
        meaning="Pixels agree: of the same class as the source model's, in %.",
    )
    criterion = Criterion("pixels", 0.99)

    def evident(self, signature: Signature) -> bool:
        return False

    def assign(self, signature: Signature, given: Mapping[str, str]) -> Assignment:
        named, layout = roles.split(self.name, signature, given, self.roles, SegmentationLayout())
        if len(named) > 1:
            raise UsageError(f"{self.name} takes one of its roles", "leave the others out")
        outputs = list(named.items()) or _likely(signature)
        found = [
            (role, output, kept)
            for role, output in outputs
            if (kept := _kept(role, output.shape, layout, signature)) is not None
        ]
        if len(found) != 1:
            wanted = "one output of images x classes x height x width, or a map of classes"
            remedy = f"name it, such as {LOGITS}=NAME, with channels=first or last"
            raise roles.misfit(self.name, wanted, signature, remedy)
        ((role, output, (reduction, classes)),) = found
        stored = roles.stored(SegmentationLayout(layout.channels, classes))
        return Assignment(self.name, (RoleOutput(role, output.name, reduction),), stored)

    def classes(self, assignment: Assignment) -> int | None:
        return roles.layout_of(assignment.layout, SegmentationLayout).classes

    def kinds(self, assignment: Assignment) -> dict[str, Sequence[PartOfOutput]]:
        return {}

    def truth(self, arrays: Mapping[str, Array]) -> ClassMaps:
        maps = arrays.get("maps")
        if maps is None or maps.ndim != 3 or maps.dtype not in (np.uint8, np.uint16):
            raise DataError(
                f"labels of {self.name} are an array `maps`, images x height x width, of uint8 or "
                "uint16",
                "write it with numpy.savez",
            )
        return ClassMaps(maps)

    def decode(self, assignment: Assignment, outputs: Outputs) -> list[Array]:
        """Each image's map (height, width), in the output's own size."""
        return list(_maps(assignment, outputs))

    def tally(self, assignment: Assignment) -> Areas:
        return Areas(assignment)

    def agree(
        self, assignment: Assignment, reference: Outputs, outputs: Outputs
    ) -> tuple[Floats, Floats]:
        alike = _maps(assignment, reference) == _maps(assignment, outputs)
        pixels = float(alike[0].size) if len(alike) else 0.0
        return alike.sum((1, 2)).astype(np.float64), np.full(len(alike), pixels)

    def aligned(
        self,
        assignment: Assignment,
        reference: Mapping[str, Array],
        outputs: Mapping[str, Array],
        every: bool = False,
    ) -> Mapping[str, Array]:
        return outputs

    def divergence(self, assignment: Assignment, reference: Outputs, outputs: Outputs) -> None:
        """Of scores only the best class is kept."""
        return None

    def expected_loss(
        self,
        assignment: Assignment,
        reference: Outputs,
        outputs: Outputs,
        truth: Sequence[Truth] | None,
    ) -> None:
        return None

    def in_words(
        self, assignment: Assignment, outputs: Outputs, labels: Sequence[str] | None
    ) -> list[str]:
        """The classes that take most of the image."""
        words = []
        for image in _maps(assignment, outputs):
            classes, counts = np.unique(image, return_counts=True)
            largest = np.argsort(-counts, kind="stable")[:NAMED]
            named = (
                f"{roles.label(int(classes[i]), labels)} {100 * counts[i] / image.size:.0f} %"
                for i in largest
            )
            words.append(", ".join(named))
        return words

    def draw(
        self, assignment: Assignment, outputs: Outputs, labels: Sequence[str] | None
    ) -> list[Drawing]:
        return [Drawing(map=np.asarray(image)) for image in _maps(assignment, outputs)]


def enlarged(image: Array, shape: tuple[int, ...]) -> Array:
    """A map in another size: each pixel takes the class of the nearest one."""
    rows, columns = (
        ((np.arange(wanted) + 0.5) * have / wanted).astype(np.int64)
        for have, wanted in zip(image.shape, shape, strict=True)
    )
    return image if image.shape == shape else image[np.ix_(rows, columns)]


def _maps(assignment: Assignment, outputs: Outputs) -> Array:
    """The maps (images, height, width)."""
    checked(assignment, outputs)
    return outputs[assignment.outputs[0].role]


def _likely(signature: Signature) -> list[tuple[str, ModelOutput]]:
    """Outputs with the role that their shape and type speak for.

    Real values of one channel may be logits or probabilities: those have to be named.
    """
    maps = ((MAP, one) for one in signature.outputs if not one.floats)
    scores = ((LOGITS, one) for one in signature.outputs if one.floats and not _image(one.shape))
    return [*maps, *scores]


def _kept(
    role: str, shape: tuple[int, ...], layout: SegmentationLayout, signature: Signature
) -> tuple[Reduction, int] | None:
    """How an output becomes a map, and the number of its classes; None where it cannot."""
    sides = _image(shape)
    if role == MAP:
        classes = layout.classes or signature.classes
        if sides is None or classes is None:
            return None
        return identity(sides, small(classes)), classes
    if sides is None and len(shape) == 4:
        channels = layout.channels or _channels(
            shape, layout.classes or signature.classes, signature.image
        )
        if channels is None:
            return None
        axis = 0 if channels == "first" else 2
        return argmax(shape[1:], axis), shape[1 + axis]
    if sides is None:
        return None
    threshold = 0.0 if role == LOGITS else 0.5
    return Reduction("threshold", sides, sides, "uint8", threshold=threshold), 2


def _image(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Height and width of an output with one value a pixel; None of another."""
    sides = shape[1:]
    if len(sides) == 3 and 1 in (sides[0], sides[2]):
        sides = sides[1:] if sides[0] == 1 else sides[:2]
    return (sides[0], sides[1]) if len(sides) == 2 and min(sides) > 1 else None


def _channels(
    shape: tuple[int, ...], classes: int | None, image: tuple[int, int] | None
) -> Literal["first", "last"] | None:
    """Which axis of scores (images, ...) counts the classes, where the shape tells."""
    ways: dict[Literal["first", "last"], tuple[int, int, int]] = {
        "first": (shape[1], shape[2], shape[3]),
        "last": (shape[3], shape[1], shape[2]),
    }
    tests: tuple[Callable[[int, int, int], bool], ...] = (
        lambda count, height, width: count == classes,
        lambda count, height, width: image is None or height * image[1] == width * image[0],
        lambda count, height, width: count < min(height, width),
    )
    for test in tests:
        ways = {name: sides for name, sides in ways.items() if test(*sides)} or ways
    return next(iter(ways)) if len(ways) == 1 else None
