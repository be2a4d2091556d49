"""What a task is: the meaning of a model's outputs, and all that follows from it.

A task assigns outputs to roles, says what is reduced where the model runs, and reads the reduced
outputs: what they predict, how right that is, and whether two models predict the same. Nothing
else in edgebench asks which task it is. NumPy and SciPy only.

Outputs are given batch by batch, and only small counts by image are kept of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeGuard

import numpy as np
import numpy.typing as npt

from edgebench.errors import DataError
from edgebench.estimate import Estimate
from edgebench.tasks.drawing import Drawing
from edgebench.tasks.reduction import Reduction
from edgebench.tasks.score import Score as Score

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

Outputs = Mapping[str, Array]
"""Reduced outputs of some images by role, (images, ...) each."""

Value = str | int | float | bool


@dataclass(frozen=True)
class ModelOutput:
    """An output as the ONNX graph has it, batch axis included. `dtype` is NumPy's name."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def floats(self) -> bool:
        return self.dtype.startswith("float")


@dataclass(frozen=True)
class Signature:
    """What a task has to know of a model.

    `image` is the height and width of its image input and `classes` the number of labels; both
    None where there are none or nobody knows. `batch` is how many images it takes at once.
    """

    outputs: tuple[ModelOutput, ...]
    image: tuple[int, int] | None = None
    classes: int | None = None
    batch: int = 1


@dataclass(frozen=True)
class RoleOutput:
    """The output that holds a role, and what of it is kept.

    `ranked` are rows in an order of the model's own, such as boxes from the best one down: where
    two scores are nearly equal, the same row of another run is another thing. See `Task.aligned`.
    """

    role: str
    output: str
    reduction: Reduction
    ranked: bool = False


@dataclass(frozen=True)
class Assignment:
    """How a model's outputs are read: plain data for manifests and plans.

    `layout` says all that the shapes do not: the format of boxes, for instance.
    """

    task: str
    outputs: tuple[RoleOutput, ...]
    layout: dict[str, Value] = field(default_factory=dict)

    def reduction(self, role: str) -> Reduction | None:
        """What is kept of a role's output; None where no output holds the role."""
        return next((one.reduction for one in self.outputs if one.role == role), None)


@dataclass(frozen=True)
class PartOfOutput:
    """Numbers of one kind in an output that holds several: `start` to `stop` - 1 along an axis.

    Boxes in pixels stand beside scores below one in some outputs, and an error of one pixel is
    little where one of a whole score is all. `axis` counts from the end, -1 being the last.
    """

    axis: int
    start: int
    stop: int

    def of(self, output: Array) -> Array:
        """The numbers themselves."""
        return output.take(range(self.start, self.stop), self.axis)


@dataclass(frozen=True)
class FigureColumn:
    """How reports name a figure. All figures are shares and are shown in hundredths.

    `unit` is "%", or "" where a figure is given in hundredths without the sign, such as AP 37.4.
    `meaning` is a sentence for the legend.
    """

    id: str
    heading: str
    unit: str = "%"
    meaning: str = ""


@dataclass(frozen=True)
class Criterion:
    """When two models do the same: at least this share of `unit` agrees in exact arithmetic.

    `parts` says that each index along each axis of an output has to be right by itself, not only
    the output as a whole. `bounds` are the values that decide whether one thing agrees, by name.
    """

    unit: str
    least: float
    parts: bool = True
    bounds: dict[str, float] = field(default_factory=dict)


class Truth(ABC):
    """The labels of some images, as an .npz holds them."""

    @abstractmethod
    def __len__(self) -> int:
        """The number of images."""

    @abstractmethod
    def arrays(self) -> dict[str, Array]:
        """The arrays of the .npz, by name; no pickles."""

    @abstractmethod
    def part(self, start: int, stop: int) -> Self:
        """The labels of images start..stop - 1."""


class Tally(ABC):
    """What a metric keeps of each image, so that figures can be had of any choice of them."""

    @property
    @abstractmethod
    def images(self) -> int:
        """The number of images added."""

    @abstractmethod
    def add(self, outputs: Outputs, truth: Truth) -> None:
        """Add some images. Raises `DataError` where outputs and labels do not fit."""

    @abstractmethod
    def score(self) -> Score | None:
        """The figures; None where the labels hold nothing to find."""

    def difference(self, other: Tally) -> Score | None:
        """The figures less another's over the same images, with the interval of the difference.

        None where the labels hold nothing to find. Raises `DataError` for other images.
        """
        if not self.same_images(other):
            raise DataError("the two did not see the same images", "run both on the same images")
        return self._difference(other)

    @abstractmethod
    def _difference(self, other: Self) -> Score | None: ...

    def same_images(self, other: Tally) -> TypeGuard[Self]:
        """Whether both saw the same labels in the same order."""
        if not isinstance(other, type(self)):
            return False
        pairs = zip(self.truth_key(), other.truth_key(), strict=True)
        return all(np.array_equal(one, another) for one, another in pairs)

    @abstractmethod
    def truth_key(self) -> tuple[Array, ...]:
        """What is kept of the labels, to tell whether two tallies saw the same."""


class Task(Protocol):
    """One row of the table `tasks.table.TASKS`.

    `figures` are the metric's, the headline first; a task that says nothing of accuracy has none.
    `roles` are what `assign` knows, each with a few words on the shape.
    """

    @property
    def name(self) -> str: ...

    @property
    def roles(self) -> Mapping[str, str]: ...

    @property
    def figures(self) -> tuple[FigureColumn, ...]: ...

    @property
    def agreement(self) -> FigureColumn: ...

    @property
    def criterion(self) -> Criterion: ...

    def evident(self, signature: Signature) -> bool:
        """Whether the outputs alone say that they are this task's, without a word of the user."""

    def assign(self, signature: Signature, given: Mapping[str, str]) -> Assignment:
        """Assign outputs to roles: as `given`, the rest where it is unambiguous.

        `given` maps roles to outputs' names, and words of the layout to their values. Raises
        `UsageError` with the shapes that were found where they do not fit, and `UnknownNameError`
        for a role, word or output that does not exist.
        """

    def classes(self, assignment: Assignment) -> int | None:
        """How many labels the outputs tell apart; None where they do not say."""

    def kinds(self, assignment: Assignment) -> Mapping[str, Sequence[PartOfOutput]]:
        """The kinds of numbers in each output, by its name, that holds more than one."""

    def truth(self, arrays: Mapping[str, Array]) -> Truth:
        """The labels in the arrays of an .npz. Raises `DataError` where they are none."""

    def decode(self, assignment: Assignment, outputs: Outputs) -> Sequence[object]:
        """What the outputs predict, image by image."""

    def tally(self, assignment: Assignment) -> Tally | None:
        """An empty tally of the metric; None where the task says nothing of accuracy."""

    def agree(
        self, assignment: Assignment, reference: Outputs, outputs: Outputs
    ) -> tuple[Floats, Floats]:
        """By image, how many things both predict alike, and how many there are (images,)."""

    def aligned(
        self,
        assignment: Assignment,
        reference: Mapping[str, Array],
        outputs: Mapping[str, Array],
        every: bool = False,
    ) -> Mapping[str, Array]:
        """The outputs, by name, so that numbers can be compared with the reference's one by one.

        Rows that are `ranked` are brought beside those that they stand for. With `every` rows that
        an application would not show have to be there too.
        """

    def divergence(
        self, assignment: Assignment, reference: Outputs, outputs: Outputs
    ) -> Floats | None:
        """By image, how far the predicted probabilities diverge from the reference's, in nats.

        None where outputs are no probabilities over classes.
        """

    def expected_loss(
        self,
        assignment: Assignment,
        reference: Outputs,
        outputs: Outputs,
        truth: Sequence[Truth] | None,
    ) -> Estimate | None:
        """The loss in the headline that errors like these are to cost on many more images.

        `truth` has the labels, image by image; without them it is what is not alike any more. None
        where only counting tells.
        """

    def in_words(
        self, assignment: Assignment, outputs: Outputs, labels: Sequence[str] | None
    ) -> Sequence[str]:
        """What the outputs predict of each image, in a few words; classes by their labels."""

    def draw(
        self, assignment: Assignment, outputs: Outputs, labels: Sequence[str] | None
    ) -> Sequence[Drawing]:
        """What of it can be drawn into each image; nothing where words say it all."""


def checked(assignment: Assignment, outputs: Outputs) -> int:
    """The number of images, if outputs are those that the assignment says.

    Raises `DataError` for a role that is missing, another shape, or values that are not finite.
    """
    counts = set()
    for one in assignment.outputs:
        found = outputs.get(one.role)
        if found is None:
            raise DataError(f"there is no output for the role '{one.role}'", "run the model again")
        if found.shape[1:] != tuple(one.reduction.shape):
            raise DataError(
                f"the outputs for the role '{one.role}' are {found.shape[1:]} an image, not "
                f"{tuple(one.reduction.shape)}",
                "run the model again with the plan of this artifact",
            )
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            raise DataError(
                f"the outputs for the role '{one.role}' hold NaN or infinity",
                "check the model's weights and inputs",
            )
        counts.add(len(found))
    if len(counts) != 1:
        raise DataError("the roles hold different numbers of images", "run the model again")
    return counts.pop()


def paired(assignment: Assignment, outputs: Outputs, truth: Truth) -> None:
    """Check outputs as `checked` does, and that there are labels for as many images."""
    images = checked(assignment, outputs)
    if images != len(truth):
        raise DataError(
            f"there are outputs of {images} images and labels of {len(truth)}",
            "evaluate on the images that the labels are of",
        )
