"""The task `none`: outputs are numbers, and nothing is said of accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.errors import DataError, UnknownNameError
from edgebench.tasks import roles
from edgebench.tasks.drawing import Drawing
from edgebench.tasks.reduction import Dtype, identity
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
    Signature,
    Truth,
    checked,
)

TOLERANCE = 0.01


@dataclass(frozen=True)
class NumericLayout:
    """`outputs` names those that are compared, joined by +; all of them without it.

    A number agrees where it differs by at most `tolerance` times the largest of the image's output.
    """

    outputs: str | None = None
    tolerance: float = TOLERANCE


class Numeric:
    """Any outputs, compared number by number; each one's role is its name."""

    name = "none"
    roles: Mapping[str, str] = {}
    figures: tuple[FigureColumn, ...] = ()
    agreement = FigureColumn(
        "agreement",
        "values agree",
        meaning="Values agree: within the tolerance of the source model's, in %.",
    )
    criterion = Criterion("values", 0.99, bounds={"tolerance": TOLERANCE})

    def evident(self, signature: Signature) -> bool:
        return False

    def assign(self, signature: Signature, given: Mapping[str, str]) -> Assignment:
        _, layout = roles.split(self.name, signature, given, self.roles, NumericLayout())
        known = {one.name: one for one in signature.outputs}
        names = layout.outputs.split("+") if layout.outputs else list(known)
        for name in names:
            if name not in known:
                raise UnknownNameError("output", name, known)
        kept = [_kept(known[name], signature.batch) for name in names]
        return Assignment(self.name, tuple(kept), roles.stored(layout))

    def classes(self, assignment: Assignment) -> None:
        return None

    def kinds(self, assignment: Assignment) -> dict[str, Sequence[PartOfOutput]]:
        return {}

    def truth(self, arrays: Mapping[str, Array]) -> Truth:
        raise DataError(
            f"the task '{self.name}' has no labels", "name the task that the labels are for"
        )

    def decode(self, assignment: Assignment, outputs: Outputs) -> list[dict[str, Array]]:
        """The numbers of each image, by output."""
        return [
            {one.role: outputs[one.role][image] for one in assignment.outputs}
            for image in range(checked(assignment, outputs))
        ]

    def tally(self, assignment: Assignment) -> None:
        return None

    def agree(
        self, assignment: Assignment, reference: Outputs, outputs: Outputs
    ) -> tuple[Floats, Floats]:
        images = checked(assignment, reference)
        checked(assignment, outputs)
        tolerance = roles.layout_of(assignment.layout, NumericLayout).tolerance
        alike, every = np.zeros(images), np.zeros(images)
        for one in assignment.outputs:
            wanted, found = (
                each[one.role].reshape(images, -1).astype(np.float64)
                for each in (reference, outputs)
            )
            largest = np.abs(wanted).max(1, initial=0.0)[:, None]
            alike += (np.abs(found - wanted) <= tolerance * largest).sum(1)
            every += wanted.shape[1]
        return alike, every

    def aligned(
        self,
        assignment: Assignment,
        reference: Mapping[str, Array],
        outputs: Mapping[str, Array],
        every: bool = False,
    ) -> Mapping[str, Array]:
        return outputs

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
        """Numbers are what they are."""
        return [""] * checked(assignment, outputs)

    def draw(
        self, assignment: Assignment, outputs: Outputs, labels: Sequence[str] | None
    ) -> list[Drawing]:
        return [Drawing()] * checked(assignment, outputs)


def _kept(output: ModelOutput, batch: int) -> RoleOutput:
    """All numbers of an output; a batch of one may lack the batch axis."""
    shape = output.shape[1:] if output.shape[:1] == (batch,) else output.shape
    dtype: Dtype = "float32" if output.floats else "int32"
    return RoleOutput(output.name, output.name, identity(shape, dtype))
