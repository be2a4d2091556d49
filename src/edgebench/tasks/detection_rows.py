"""Rows of boxes in an order of the model's own, beside those of another run that they stand for.

The best box comes first, so where two scores are nearly equal the same row of two runs may be two
things. Numbers are compared after each box has found its own: of its class, and where it overlaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from edgebench.tasks import roles
from edgebench.tasks.boxes import Floats, Format, Ints, corners, overlaps
from edgebench.tasks.detection_layout import (
    BOXES,
    CLASSES,
    COUNT,
    DETECTIONS,
    SCORES,
    DetectionLayout,
)
from edgebench.tasks.task import Array, Assignment


def beside(
    assignment: Assignment,
    reference: Mapping[str, Array],
    outputs: Mapping[str, Array],
    iou: float,
    least: float,
) -> dict[str, Array]:
    """The outputs, by name, with ranked rows beside the reference's.

    Boxes of one class that overlap by `iou` are the same. A box that is lost is a row of zeros, and
    one that is new stands beside a row that has no other; only where their scores are below
    `least` is it as if both had them: such boxes are many, come and go, and are no answers. Outputs
    that do not fit the assignment stay as they are.
    """
    ranked = {one.role: one for one in assignment.outputs if one.ranked}
    made = dict(outputs)
    parts: dict[str, tuple[Array, Array]] = {}
    for role, one in ranked.items():
        pair = reference.get(one.output), outputs.get(one.output)
        if pair[0] is None or pair[1] is None or pair[0].shape != pair[1].shape:
            return made
        shape = (-1, *one.reduction.source)
        parts[role] = pair[0].reshape(shape), pair[1].reshape(shape)
    if all(np.array_equal(*pair) for pair in parts.values()):
        return made
    layout = roles.layout_of(assignment.layout, DetectionLayout)
    counts = _counts(assignment, reference, outputs)
    placed = {role: pair[0].copy() for role, pair in parts.items()}
    for image in range(min((len(pair[0]) for pair in parts.values()), default=0)):
        wanted, found = (
            _Rows.of({role: pair[side][image] for role, pair in parts.items()}, layout)
            for side in (0, 1)
        )
        limits = (len(wanted), len(found)) if counts is None else counts[image]
        places = _places(wanted.first(limits[0]), found.first(limits[1]), iou, least)
        for role, pair in parts.items():
            rows_last = layout.rows_last(role)
            target, source = (
                one.T if rows_last else one for one in (placed[role][image], pair[1][image])
            )
            for row, place in enumerate(places):
                if place != _AS_IT_IS:
                    target[row] = 0 if place == _LOST else source[place]
    for role, one in ranked.items():
        made[one.output] = placed[role].reshape(outputs[one.output].shape)
    return made


_LOST, _AS_IT_IS = -1, -2


@dataclass(frozen=True)
class _Rows:
    boxes: Floats
    scores: Floats
    classes: Ints

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def of(cls, found: Mapping[str, Array], layout: DetectionLayout) -> _Rows:
        rows = {
            role: np.asarray(one.T if layout.rows_last(role) else one, np.float64)
            for role, one in found.items()
        }
        if DETECTIONS in rows:
            table = rows[DETECTIONS]
            boxes, scores, classes = table[:, :4], table[:, 4], table[:, 5]
        else:
            boxes, scores, classes = rows[BOXES], rows[SCORES], rows[CLASSES]
        return cls(corners(boxes, cast(Format, layout.format)), scores, np.rint(classes))

    def first(self, count: int) -> _Rows:
        return _Rows(self.boxes[:count], self.scores[:count], self.classes[:count])


def _places(wanted: _Rows, found: _Rows, iou: float, least: float) -> list[int]:
    """The row of `found` that is compared with each row of `wanted`, `_LOST` or `_AS_IT_IS`."""
    shared = overlaps(wanted.boxes, found.boxes)
    alike = (shared >= iou) & (wanted.classes[:, None] == found.classes[None])
    # Of several that overlap alike the one with the nearest score.
    nearness = shared - np.abs(wanted.scores[:, None] - found.scores[None])
    free = np.ones(len(found), bool)
    places = np.full(len(wanted), _LOST)
    for row in np.argsort(-wanted.scores, kind="stable"):
        candidates = np.flatnonzero(alike[row] & free)
        if candidates.size:
            places[row] = candidates[np.argmax(nearness[row, candidates])]
            free[places[row]] = False
    new = iter(np.flatnonzero(free & (found.scores >= least)))
    for row, place in enumerate(places):
        if place == _LOST and wanted.scores[row] < least:
            places[row] = next(new, _AS_IT_IS)
    return [int(place) for place in places]


def _counts(
    assignment: Assignment, reference: Mapping[str, Array], outputs: Mapping[str, Array]
) -> list[tuple[int, int]] | None:
    """How many rows are boxes, of each image; None where all are."""
    name = next((one.output for one in assignment.outputs if one.role == COUNT), None)
    if name is None or name not in reference or name not in outputs:
        return None
    pair = (np.rint(one[name].reshape(-1)).astype(int) for one in (reference, outputs))
    return [(int(one), int(other)) for one, other in zip(*pair, strict=True)]
