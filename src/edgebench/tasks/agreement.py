"""How alike two sets of outputs are, without labels: batch by batch, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgebench.errors import DataError
from edgebench.intervals import Estimate, clustered_share, proportion
from edgebench.tasks.task import Assignment, Floats, Outputs, Task

WORST = 20
"""So many of the images that differ most are named."""


@dataclass(frozen=True)
class ImageShare:
    """An image, by its place among those compared, and the share of it that agrees."""

    image: int
    share: float


@dataclass(frozen=True)
class Agreement:
    """The share of things (images, boxes, pixels, values) that two sets of outputs agree in.

    `differing` counts the images that do not agree whole, and `worst` names some of them, those
    that agree least first. An image with nothing to compare, such as no boxes, is not counted.
    """

    images: int
    share: Estimate
    differing: int
    worst: tuple[ImageShare, ...]


class AgreementTally:
    """Counts, image by image, in what the outputs agree with the reference's."""

    def __init__(self, task: Task, assignment: Assignment) -> None:
        self._task, self._assignment = task, assignment
        self._alike: list[Floats] = []
        self._all: list[Floats] = []

    def add(self, reference: Outputs, outputs: Outputs) -> None:
        """Add some images. Raises `DataError` where the two do not fit together."""
        sizes = {len(array) for each in (reference, outputs) for array in each.values()}
        if len(sizes) != 1:
            raise DataError("there are outputs of different numbers of images", "pair them")
        alike, total = self._task.agree(self._assignment, reference, outputs)
        self._alike.append(alike)
        self._all.append(total)

    def result(self) -> Agreement | None:
        """The agreement so far; None where there was nothing to compare."""
        if not self._all:
            return None
        alike, total = np.concatenate(self._alike), np.concatenate(self._all)
        if not total.sum() > 0:
            return None
        one_each = bool((total == 1).all())
        share = proportion(alike == 1) if one_each else clustered_share(alike, total)
        shares = np.divide(alike, total, out=np.ones_like(alike), where=total > 0)
        differing = np.flatnonzero(alike < total)
        worst = differing[np.argsort(shares[differing], kind="stable")][:WORST]
        return Agreement(
            images=len(total),
            share=share,
            differing=len(differing),
            worst=tuple(ImageShare(int(image), float(shares[image])) for image in worst),
        )
