"""Object detection: boxes with a class and a score each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edgebench.errors import DataError
from edgebench.tasks import detection_layout, detection_rows, jackknife, roles
from edgebench.tasks.average_precision import Matches, average_precision, match
from edgebench.tasks.boxes import Floats, Ints, overlaps
from edgebench.tasks.detection_decode import Detections, detections
from edgebench.tasks.detection_layout import DetectionLayout
from edgebench.tasks.drawing import Drawing, DrawnBox
from edgebench.tasks.task import (
    Array,
    Assignment,
    Criterion,
    FigureColumn,
    Outputs,
    PartOfOutput,
    Score,
    Signature,
    Tally,
    Truth,
    paired,
)

SAME_IOU, SAME_SCORE, SHOWN = 0.5, 0.1, 0.3
"""Two boxes are the same thing where they overlap so much, and their scores differ by no more; of
those whose score is at least SHOWN, which an application would show."""


@dataclass(frozen=True)
class Sameness:
    """When a box is another again: of its class, with this IoU at least, and a score that differs
    by no more; of those whose score is at least `shown`."""

    iou: float
    score_difference: float
    shown: float

    def __str__(self) -> str:
        return f"IoU >= {self.iou:g}, score within {self.score_difference:g}"


SAME_THING = Sameness(SAME_IOU, SAME_SCORE, SHOWN)
"""What two models have to agree in."""

SAME_BOX = Sameness(0.9, 0.01, 0.0)
"""What two ways to compute the same boxes have to agree in."""

NAMED = 4
"""So many classes are named of an image."""


@dataclass(frozen=True)
class Boxes(Truth):
    """What is in each image: `boxes` (things, 4) float32, left, top, right and bottom in pixels of
    the model's input; `classes` (things,) int64; `crowd` (things,) bool, for boxes of many things;
    `offsets` (images + 1,) int64: the things of image i are offsets[i]..offsets[i + 1] - 1."""

    boxes: npt.NDArray[np.float32]
    classes: Ints
    crowd: npt.NDArray[np.bool_]
    offsets: Ints

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def arrays(self) -> dict[str, Array]:
        return {
            "boxes": self.boxes,
            "classes": self.classes,
            "crowd": self.crowd,
            "offsets": self.offsets,
        }

    def part(self, start: int, stop: int) -> Self:
        offsets = self.offsets[start : stop + 1]
        things = slice(offsets[0], offsets[-1])
        here = self.boxes[things], self.classes[things], self.crowd[things]
        return type(self)(*here, offsets - offsets[0])


class Found(Tally):
    """By image, what its detections found, and how many things of each class there are."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._matches: list[Matches] = []
        self._truth: list[Boxes] = []
        self._extent = 0.0

    @property
    def images(self) -> int:
        return len(self._matches)

    def add(self, outputs: Outputs, truth: Truth) -> None:
        assert isinstance(truth, Boxes)
        paired(self._assignment, outputs, truth)
        for image, found in enumerate(detections(self._assignment, outputs)):
            there = truth.part(image, image + 1)
            boxes = there.boxes.astype(np.float64)
            self._matches.append(match(*_fields(found), boxes, there.classes, there.crowd))
            self._truth.append(there)
            self._extent = max(self._extent, float(np.abs(found.boxes).max(initial=0.0)))

    def score(self) -> Score | None:
        self._check_scale()
        return jackknife.score(self.figures, self.images)

    def _difference(self, other: Self) -> Score | None:
        return jackknife.difference(self.figures, other.figures, self.images)

    def truth_key(self) -> tuple[Array, ...]:
        names = ("boxes", "classes", "crowd")
        joined = (self._joined([getattr(one, name) for one in self._truth]) for name in names)
        return (*joined, np.array([len(one.classes) for one in self._truth]))

    def figures(self, weights: Floats) -> dict[str, Floats]:
        """AP, AP50 and AP75 of weighted images, for each row of (choices, images)."""
        kinds = 1 + max((int(one.classes.max(initial=-1)) for one in self._truth), default=-1)
        things = [np.bincount(one.classes[~one.crowd], minlength=kinds) for one in self._truth]
        images = np.repeat(np.arange(self.images), [len(one.scores) for one in self._matches])
        names = ("classes", "scores", "right", "ignored")
        found = Matches(
            *(self._joined([getattr(one, name) for one in self._matches]) for name in names)
        )
        return average_precision(weights, images, found, np.array(things))

    @staticmethod
    def _joined(arrays: list[Array]) -> Array:
        return np.concatenate(arrays) if arrays else np.zeros(0)

    def _check_scale(self) -> None:
        """Refuse boxes that are plainly on another scale than the layout says."""
        layout = roles.layout_of(self._assignment.layout, DetectionLayout)
        if layout.height is None or layout.width is None or not self._extent:
            return
        side = max(layout.height, layout.width)
        if layout.scale == "pixels" and self._extent <= 2 < side / 8:
            raise DataError(
                f"no box goes beyond {self._extent:.2g} pixels of an image of {side}",
                "if the model's boxes are parts of the image, export it with scale=normalised",
            )
        if layout.scale == "normalised" and self._extent > 16 * side:
            raise DataError(
                f"boxes go to {self._extent:.0f} pixels of an image of {side}",
                "if the model's boxes are pixels, export it with scale=pixels",
            )


class Detection:
    """The outputs are boxes, scores and classes, in one of many layouts."""

    name = detection_layout.NAME
    roles = detection_layout.ROLES
    figures = (
        FigureColumn("ap", "AP", "", "AP: COCO's average precision, of the device's outputs."),
        FigureColumn("ap50", "AP50", "", "AP50, AP75: the same at an IoU of 0.5 and 0.75."),
        FigureColumn("ap75", "AP75", "", "AP50, AP75: the same at an IoU of 0.5 and 0.75."),
    )
    agreement = FigureColumn(
        "agreement",
        "boxes agree",
        meaning="Boxes agree: in place, class and score with the source model's, in %.",
    )
    criterion = Criterion(
        "boxes",
        0.99,
        bounds={"iou": SAME_IOU, "score_difference": SAME_SCORE, "shown": SHOWN},
    )

    def evident(self, signature: Signature) -> bool:
        return False

    def assign(self, signature: Signature, given: Mapping[str, str]) -> Assignment:
        return detection_layout.assign(signature, given)

    def classes(self, assignment: Assignment) -> int | None:
        return detection_layout.classes(assignment)

    def kinds(self, assignment: Assignment) -> dict[str, Sequence[PartOfOutput]]:
        return detection_layout.kinds(assignment)

    def truth(self, arrays: Mapping[str, Array]) -> Boxes:
        try:
            boxes, classes, crowd, offsets = (
                arrays[name] for name in ("boxes", "classes", "crowd", "offsets")
            )
            things = int(offsets[-1])
            shapes = boxes.shape, classes.shape, crowd.shape, int(offsets[0])
        except (KeyError, IndexError, TypeError) as error:
            raise self._no_labels() from error
        fit = shapes == ((things, 4), (things,), (things,), 0) and bool(
            (np.diff(offsets) >= 0).all()
        )
        if not fit or classes.dtype.kind not in "iu" or (classes.size and classes.min() < 0):
            raise self._no_labels()
        if boxes.size and not (boxes[:, 2:] >= boxes[:, :2]).all():
            raise DataError(
                "a labelled box ends before it begins", "write left, top, right, bottom"
            )
        return Boxes(
            boxes.astype(np.float32),
            classes.astype(np.int64),
            crowd.astype(np.bool_),
            offsets.astype(np.int64),
        )

    def _no_labels(self) -> DataError:
        return DataError(
            f"labels of {self.name} are arrays `boxes` (things x 4), `classes`, `crowd` (things) "
            "and `offsets` (images + 1)",
            "write them with numpy.savez; see docs/tasks.md",
        )

    def decode(self, assignment: Assignment, outputs: Outputs) -> list[Detections]:
        return list(detections(assignment, outputs))

    def tally(self, assignment: Assignment) -> Found:
        return Found(assignment)

    def agree(
        self, assignment: Assignment, reference: Outputs, outputs: Outputs
    ) -> tuple[Floats, Floats]:
        """Each box that one shows counts, and agrees where the other has it too."""
        pairs = zip(detections(assignment, reference), detections(assignment, outputs), strict=True)
        counts = [
            (
                found_again(one, other, SAME_THING) + found_again(other, one, SAME_THING),
                _shown(one) + _shown(other),
            )
            for one, other in pairs
        ]
        alike, every = np.array(counts, np.float64).reshape(-1, 2).T
        return alike, every

    def aligned(
        self,
        assignment: Assignment,
        reference: Mapping[str, Array],
        outputs: Mapping[str, Array],
        every: bool = False,
    ) -> Mapping[str, Array]:
        least = -np.inf if every else SHOWN
        return detection_rows.beside(assignment, reference, outputs, SAME_IOU, least)

    def divergence(self, assignment: Assignment, reference: Outputs, outputs: Outputs) -> None:
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
        """The classes of the boxes that an application would show, the most frequent first."""
        words = []
        for found in detections(assignment, outputs):
            counts = Counter(found.classes[: _shown(found)].tolist()).most_common(NAMED)
            named = (f"{count} {roles.label(number, labels)}" for number, count in counts)
            words.append(", ".join(named) or "nothing")
        return words

    def draw(
        self, assignment: Assignment, outputs: Outputs, labels: Sequence[str] | None
    ) -> list[Drawing]:
        """The boxes that an application would show."""
        return [Drawing(tuple(_drawn(found, labels))) for found in detections(assignment, outputs)]


def _drawn(found: Detections, labels: Sequence[str] | None) -> Iterator[DrawnBox]:
    for place in range(_shown(found)):
        left, top, right, bottom = map(float, found.boxes[place])
        kind = int(found.classes[place])
        words = f"{roles.label(kind, labels)} {100 * found.scores[place]:.0f} %"
        yield DrawnBox(left, top, right, bottom, kind, words)


def _fields(found: Detections) -> tuple[Floats, Floats, Ints]:
    return found.boxes, found.scores, found.classes


def _shown(found: Detections, least: float = SHOWN) -> int:
    return int((found.scores >= least).sum())


def found_again(shown: Detections, by: Detections, same: Sameness) -> int:
    """How many of the boxes that one shows the other has; each of its boxes stands for one."""
    iou = overlaps(shown.boxes, by.boxes)
    near = np.abs(shown.scores[:, None] - by.scores[None]) <= same.score_difference
    alike = near & (shown.classes[:, None] == by.classes[None]) & (iou >= same.iou)
    free = np.ones(len(by), bool)
    count = 0
    for place in range(_shown(shown, same.shown)):
        candidates = np.flatnonzero(alike[place] & free)
        if candidates.size:
            free[candidates[np.argmax(iou[place, candidates])]] = False
            count += 1
    return count
