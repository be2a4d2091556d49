"""Classification: one score for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from edgebench.errors import DataError, UsageError
from edgebench.estimate import Estimate
from edgebench.intervals import Bools, paired_difference, proportion
from edgebench.tasks import roles
from edgebench.tasks.drawing import Drawing
from edgebench.tasks.exchanged import expected_loss
from edgebench.tasks.reduction import identity
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

LOGITS, PROBABILITIES = "logits", "probabilities"
DECODED = 5
"""The classes that are named of each image, the best first."""

LEAST_PROBABILITY = 1 / 256
"""That of int8 files of a softmax."""


@dataclass(frozen=True)
class ClassificationLayout:
    """`background=first` says that class 0 of the outputs is none of the labels."""

    background: Literal["none", "first"] = "none"


@dataclass(frozen=True)
class RankedClasses:
    """The best classes of an image, best first, and their probabilities."""

    classes: npt.NDArray[np.int64]
    scores: Floats


@dataclass(frozen=True)
class ClassLabels(Truth):
    """`labels` (images,) int64."""

    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def arrays(self) -> dict[str, Array]:
        return {"labels": self.labels}

    def part(self, start: int, stop: int) -> Self:
        return type(self)(self.labels[start:stop])


class Hits(Tally):
    """Whether each image's label is the best class, or among the five best."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._ranks: list[npt.NDArray[np.int64]] = []
        self._labels: list[npt.NDArray[np.int64]] = []
        reduction = assignment.outputs[0].reduction
        self.depths = {"top1": 1, "top5": 5} if reduction.shape[0] > 5 else {"top1": 1}

    @property
    def images(self) -> int:
        return sum(map(len, self._ranks))

    def add(self, outputs: Outputs, truth: Truth) -> None:
        assert isinstance(truth, ClassLabels)
        paired(self._assignment, outputs, truth)
        values, offset = _scores(self._assignment, outputs)
        places = truth.labels + offset
        if places.size and not 0 <= places.min() <= places.max() < values.shape[1]:
            raise DataError(
                f"the labels go from {truth.labels.min()} to {truth.labels.max()}, but the model "
                f"has {values.shape[1] - offset} classes",
                "use a model and labels of the same classes",
            )
        own = np.take_along_axis(values, places[:, None], 1)
        # Of equal scores the first counts as the best, as np.argmax has it.
        before = np.arange(values.shape[1]) < places[:, None]
        self._ranks.append(((values > own) | ((values == own) & before)).sum(1))
        self._labels.append(truth.labels)

    def score(self) -> Score | None:
        if not self.images:
            return None
        figures = {name: proportion(self._hits(depth)) for name, depth in self.depths.items()}
        return Score(self.images, figures)

    def _difference(self, other: Self) -> Score | None:
        if not self.images:
            return None
        figures = {
            name: paired_difference(self._hits(depth), other._hits(depth))
            for name, depth in self.depths.items()
            if name in other.depths
        }
        return Score(self.images, figures)

    def truth_key(self) -> tuple[Array, ...]:
        return (_joined(self._labels),)

    def _hits(self, depth: int) -> Bools:
        return _joined(self._ranks) < depth


class Classification:
    """Outputs are logits or probabilities, one for each class."""

    name = "classification"
    roles = {  # noqa: RUF012
        LOGITS: "one score a class, before a softmax",
        PROBABILITIES: "one score a class, after a softmax",
    }
    figures = (
        FigureColumn("top1", "top-1", meaning="Top-1: correct answers, of the device's outputs."),
        FigureColumn("top5", "top-5", meaning="Top-5: the label is among the five best classes."),
    )
    agreement = FigureColumn(
        "agreement", "agree", meaning="Agree: answers equal to the source model's, in %."
    )
    criterion = Criterion("images", 0.99, parts=False)

    def evident(self, signature: Signature) -> bool:
        outputs = signature.outputs
        return len(outputs) == 1 and len(outputs[0].shape) == 2 and _classes(outputs[0]) > 1

    def assign(self, signature: Signature, given: Mapping[str, str]) -> Assignment:
        named, layout = roles.split(self.name, signature, given, self.roles, ClassificationLayout())
        if len(named) > 1:
            raise UsageError(
                f"{self.name} takes {LOGITS} or {PROBABILITIES}, not both", "leave one out"
            )
        if not named:
            fitting = [output for output in signature.outputs if _classes(output) > 1]
            if signature.classes is not None:
                wanted = signature.classes + (layout.background == "first")
                counted = [output for output in fitting if _classes(output) == wanted]
                if len(fitting) == 1 and not counted:
                    raise UsageError(
                        f"there are {signature.classes} labels, and the model has "
                        f"{_classes(fitting[0])} classes",
                        "give one label for each class",
                    )
                fitting = counted
            if len(fitting) != 1:
                raise self._misfit(signature)
            named = {LOGITS: fitting[0]}
        ((role, output),) = named.items()
        if _classes(output) < 2:
            raise self._misfit(signature)
        kept = RoleOutput(role, output.name, identity((_classes(output),)))
        return Assignment(self.name, (kept,), roles.stored(layout))

    def _misfit(self, signature: Signature) -> UsageError:
        count = "classes" if signature.classes is None else f"{signature.classes} classes"
        wanted = f"one output of images x {count}"
        return roles.misfit(self.name, wanted, signature, f"name it, such as {LOGITS}=NAME")

    def classes(self, assignment: Assignment) -> int:
        layout = roles.layout_of(assignment.layout, ClassificationLayout)
        return assignment.outputs[0].reduction.shape[0] - (layout.background == "first")

    def kinds(self, assignment: Assignment) -> dict[str, Sequence[PartOfOutput]]:
        return {}

    def truth(self, arrays: Mapping[str, Array]) -> ClassLabels:
        labels = arrays.get("labels")
        if labels is None or labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise DataError(
                f"labels of {self.name} are an array `labels` of one whole number an image",
                "write it with numpy.savez",
            )
        return ClassLabels(labels.astype(np.int64))

    def decode(self, assignment: Assignment, outputs: Outputs) -> list[RankedClasses]:
        values, offset = _scores(assignment, outputs)
        if assignment.outputs[0].role == LOGITS:
            values = np.exp(values - values.max(1, keepdims=True))
            values /= values.sum(1, keepdims=True)
        best = np.argsort(-values, axis=1, kind="stable")[:, :DECODED]
        scores = np.take_along_axis(values, best, 1)
        return [RankedClasses(*pair) for pair in zip(best - offset, scores, strict=True)]

    def tally(self, assignment: Assignment) -> Hits:
        return Hits(assignment)

    def agree(
        self, assignment: Assignment, reference: Outputs, outputs: Outputs
    ) -> tuple[Floats, Floats]:
        one, other = (_scores(assignment, each)[0].argmax(1) for each in (reference, outputs))
        return (one == other).astype(np.float64), np.ones(len(one))

    def aligned(
        self,
        assignment: Assignment,
        reference: Mapping[str, Array],
        outputs: Mapping[str, Array],
        every: bool = False,
    ) -> Mapping[str, Array]:
        return outputs

    def divergence(self, assignment: Assignment, reference: Outputs, outputs: Outputs) -> Floats:
        """Kullback and Leibler's, sum p ln(p / q), p the reference's (Ann. Math. Stat. 22, 1951).

        Of a class that has no probability at all in float64, the least there is stands for it.
        """
        p, q = (_log_probabilities(assignment, each) for each in (reference, outputs))
        return np.asarray((np.exp(p) * (p - q)).sum(1))

    def expected_loss(
        self,
        assignment: Assignment,
        reference: Outputs,
        outputs: Outputs,
        truth: Sequence[Truth] | None,
    ) -> Estimate:
        """By the errors of all images on all; see `exchanged`."""
        (one, offset), (other, _) = (_scores(assignment, each) for each in (reference, outputs))
        if assignment.outputs[0].role == PROBABILITIES:
            # Errors are alike from image to image before the softmax; int8 has none below.
            one, other = (np.log(np.maximum(each, LEAST_PROBABILITY)) for each in (one, other))
        labels = None
        if truth is not None:
            labels = np.concatenate([each.arrays()["labels"] for each in truth]) + offset
        return expected_loss(one, other, labels)

    def in_words(
        self, assignment: Assignment, outputs: Outputs, labels: Sequence[str] | None
    ) -> list[str]:
        found = self.decode(assignment, outputs)
        return [
            f"{roles.label(int(one.classes[0]), labels)} {100 * one.scores[0]:.0f} %"
            for one in found
        ]

    def draw(
        self, assignment: Assignment, outputs: Outputs, labels: Sequence[str] | None
    ) -> list[Drawing]:
        return [Drawing()] * checked(assignment, outputs)


def _log_probabilities(assignment: Assignment, outputs: Outputs) -> Floats:
    """Of each image and class; a background class is one like the others."""
    values, _ = _scores(assignment, outputs)
    if assignment.outputs[0].role == PROBABILITIES:
        # Rounding to integers leaves sums other than 1.
        values = np.log(np.maximum(values, np.finfo(np.float64).tiny))
    shifted = values - values.max(1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))


def _classes(output: ModelOutput) -> int:
    """The number of classes that an output could score: all axes but the batch and one are 1."""
    sides = [side for side in output.shape[1:] if side != 1]
    return sides[0] if len(sides) == 1 else 0


def _scores(assignment: Assignment, outputs: Outputs) -> tuple[Floats, int]:
    """The scores (images, classes), and at which place the first label's is."""
    checked(assignment, outputs)
    layout = roles.layout_of(assignment.layout, ClassificationLayout)
    values = outputs[assignment.outputs[0].role].astype(np.float64)
    return values, int(layout.background == "first")


def _joined(parts: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
