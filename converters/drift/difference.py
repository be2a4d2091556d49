"""Outputs beside a reference's, image by image, of which only sums and counts are kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edgebench import tasks
from edgebench.converters.drift import worst_images
from edgebench.converters.drift.document import (
    FigureDifference,
    Flip,
    HopDifference,
    OutputDifference,
)
from edgebench.converters.onnx.reference import Array
from edgebench.converters.output_error import FLOOR_DB, KindErrors, OutputError
from edgebench.intervals import Estimate
from edgebench.snr import standard_error_db
from edgebench.tasks.agreement import AgreementTally
from edgebench.tasks.reduction import reduce
from edgebench.tasks.task import Assignment, Outputs, PartOfOutput, Tally, Task, Truth

RESOLUTION = 0.01
"""A difference of a metric is known well enough where its interval reaches no farther than this
on either side: a point."""

FLIPS = 20
"""So many images are shown of those whose prediction changed."""

FURTHEST = 4
"""So many images are named whose outputs are furthest from the reference's."""


@dataclass(frozen=True)
class Meaning:
    """How outputs are read: by their names, by a task (None for numbers alone), with labels.

    `truth` is of all images of the data; `places` says which of them are compared, None for the
    first ones.
    """

    names: Sequence[str]
    task: Assignment | None
    truth: Truth | None
    labels: Sequence[str] | None
    places: Sequence[int] | None = None

    def truth_of(self, image: int) -> Truth | None:
        """The labels of the image, by its place among those that are compared."""
        place = image if self.places is None else self.places[image]
        return None if self.truth is None else self.truth.part(place, place + 1)

    def kept(self, outputs: Sequence[Array]) -> Outputs:
        """What the task keeps of an image's outputs, by role, as a batch of one."""
        if self.task is None:
            return {}
        by_name = dict(zip(self.names, outputs, strict=True))
        return {one.role: reduce(one.reduction, one.output, by_name) for one in self.task.outputs}

    def expecting(
        self, difference: HopDifference, reference: Outputs, outputs: Outputs
    ) -> HopDifference:
        """The difference with the loss that is to be expected (`Task.expected_loss`).

        The two are what is kept of all images. Where the images themselves say otherwise, nothing
        is expected: of a file that answers the same to every image, errors are not alike from
        image to image.
        """
        counted = difference.lost
        if self.task is None or counted is None:
            return difference
        images = len(next(iter(outputs.values())))
        found = [self.truth_of(image) for image in range(images)]
        truth = [one for one in found if one is not None]
        task = tasks.get(self.task.task)
        expected = task.expected_loss(self.task, reference, outputs, truth or None)
        if expected is None or not counted.low <= expected.value <= counted.high:
            return difference
        return replace(difference, expected=expected)


class HopAnswers:
    """What one hop says of every image, as far as the metric and the words need it."""

    def __init__(self, read: Meaning) -> None:
        self._read = read
        self._task = tasks.get(read.task.task) if read.task else None
        self.tally: Tally | None = None
        if self._task and read.task and read.truth is not None:
            self.tally = self._task.tally(read.task)
        self.words: list[str] = []
        self.images = 0

    def add(self, kept: Outputs) -> None:
        """Add the next image's kept outputs."""
        read = self._read
        if self._task and read.task:
            self.words += self._task.in_words(read.task, kept, read.labels)
            truth = read.truth_of(self.images)
            if self.tally is not None and truth is not None:
                self.tally.add(kept, truth)
        self.images += 1


@dataclass
class _Sums:
    """Of one output."""

    kinds: Sequence[PartOfOutput]
    error: OutputError = field(default_factory=OutputError)
    images: list[KindErrors] = field(default_factory=list)
    found: float = 0.0
    product: float = 0.0

    def add(self, wanted: Array, there: Array) -> None:
        self.error.add(wanted, there)
        self.images.append(KindErrors(self.kinds))
        self.images[-1].add(wanted, there)
        keep = np.isfinite(wanted)  # What the reference has no number for is compared nowhere.
        a, b = np.asarray(wanted[keep], np.float64), np.asarray(there[keep], np.float64)
        self.found += float(np.vdot(b, b))
        self.product += float(np.vdot(a, b))

    def difference(self, output: str, parts: bool) -> OutputDifference:
        errors = self.error.errors
        length = math.sqrt(errors.signal * self.found)
        by_kind = KindErrors(self.kinds)
        for image in self.images:
            by_kind.join(image)
        worst = by_kind.worst
        return OutputDifference(
            output,
            errors.largest_error,
            floored(by_kind.snr_db),
            min(1.0, max(-1.0, self.product / length)) if length else None,
            self.error.worst(output) if parts else None,
            standard_error_db([image.errors[worst] for image in self.images]),
        )


class OutputComparison:
    """Adds up how one hop's outputs differ from another's."""

    def __init__(self, reference: str, read: Meaning) -> None:
        self.reference = reference
        self._read = read
        self._task = tasks.get(read.task.task) if read.task else None
        kinds = self._task.kinds(read.task) if self._task and read.task else {}
        self._sums = {name: _Sums(kinds.get(name, ())) for name in read.names}
        self._agreement = (
            AgreementTally(self._task, read.task) if self._task and read.task else None
        )
        self._parts = self._task is None or self._task.criterion.parts
        self._divergence: list[float] = []

    def add(
        self,
        wanted: Mapping[str, Array],
        found: Mapping[str, Array],
        wanted_kept: Outputs,
        found_kept: Outputs,
    ) -> None:
        """Add an image: outputs by name, and what the task keeps of them."""
        beside = found
        if self._task is not None and self._read.task is not None:
            beside = self._task.aligned(self._read.task, wanted, found)
        for name, sums in self._sums.items():
            if name in wanted and name in beside:
                sums.add(np.asarray(wanted[name]), np.asarray(beside[name]))
        if self._task is None or self._agreement is None or self._read.task is None:
            return
        self._agreement.add(wanted_kept, found_kept)
        divergence = self._task.divergence(self._read.task, wanted_kept, found_kept)
        if divergence is not None:
            self._divergence += divergence.tolist()

    def difference(self, reference: HopAnswers, found: HopAnswers) -> HopDifference:
        """What was added up; the two say what each hop predicts."""
        agreement = self._agreement.result() if self._agreement else None
        worst = agreement.worst[:FLIPS] if agreement else ()
        return HopDifference(
            reference=self.reference,
            outputs=tuple(sums.difference(name, self._parts) for name, sums in self._sums.items()),
            furthest=worst_images.worst([one.images for one in self._sums.values()], FURTHEST),
            divergence=float(np.mean(self._divergence)) if self._divergence else None,
            agreement=agreement.share if agreement else None,
            differing=agreement.differing if agreement else 0,
            flips=tuple(
                Flip(one.image, one.share, reference.words[one.image], found.words[one.image])
                for one in worst
            ),
            figures=tuple(_figures(reference.tally, found.tally, self._task)),
        )


def _figures(
    reference: Tally | None, found: Tally | None, task: Task | None
) -> Iterator[FigureDifference]:
    """The figures of the metric, as far as the labels hold something to find."""
    score = found.score() if found else None
    if task is None or reference is None or found is None or score is None:
        return
    difference = found.difference(reference)
    for column in task.figures:
        if column.id in score.figures:
            apart = difference.figures.get(column.id) if difference else None
            needed = images_needed(apart, score.images) if apart else None
            yield FigureDifference(column.id, score.figures[column.id], apart, needed)


def images_needed(difference: Estimate, images: int) -> int | None:
    """How many images would tell a difference within `RESOLUTION`; None where these do.

    An interval narrows with the square root of the number of images.
    """
    reach = max(difference.high - difference.value, difference.value - difference.low)
    if reach <= RESOLUTION:
        return None
    return math.ceil(images * (reach / RESOLUTION) ** 2)


def floored(snr_db: float | None) -> float | None:
    """An SNR as documents hold it."""
    return None if snr_db is None else max(snr_db, FLOOR_DB)
