"""From a detector's outputs to the boxes of each image."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy import special

from edgebench.tasks import anchors, roles
from edgebench.tasks.boxes import Floats, Format, Ints, corners, suppressed
from edgebench.tasks.detection_layout import (
    BOXES,
    CLASSES,
    COUNT,
    DETECTIONS,
    SCORES,
    DetectionLayout,
    variances,
)
from edgebench.tasks.task import Assignment, Outputs, checked

CANDIDATES = 1000
"""So many pairs of a box and a class, the best, are thinned out."""


@dataclass(frozen=True)
class Detections:
    """The boxes of an image, best first: (n, 4) left, top, right and bottom in pixels of the
    model's input; their scores (n,) and classes (n,), counted as the labels are."""

    boxes: Floats
    scores: Floats
    classes: Ints

    def __len__(self) -> int:
        return len(self.scores)


def detections(assignment: Assignment, outputs: Outputs) -> Iterator[Detections]:
    """The boxes of each image. Raises `DataError` for outputs that do not fit."""
    layout = roles.layout_of(assignment.layout, DetectionLayout)
    for image in range(checked(assignment, outputs)):
        found = {one.role: outputs[one.role][image] for one in assignment.outputs}
        rows = {
            role: np.asarray(values.T if layout.rows_last(role) else values, np.float64)
            for role, values in found.items()
        }
        yield _of_image(rows, layout)


def _of_image(found: dict[str, Floats], layout: DetectionLayout) -> Detections:
    assert layout.score is not None and layout.nms is not None
    boxes, scores, classes = _scored(found, layout)
    rows, columns = np.nonzero(scores > layout.score)
    scores = scores[rows, columns]
    labels = columns if classes is None else np.rint(classes[rows]).astype(np.int64)
    labels = labels - (layout.background == "first")
    best = np.argsort(-scores, kind="stable")
    best = best[labels[best] >= 0]
    if layout.nms < 1:
        best = best[:CANDIDATES]
    boxes, scores, labels = _pixels(boxes, rows[best], layout), scores[best], labels[best]
    stays = np.arange(len(best))
    if layout.nms < 1:
        stays = suppressed(boxes, labels, layout.nms)
    stays = stays[: layout.most]
    return Detections(boxes[stays], scores[stays], labels[stays])


def _scored(
    found: dict[str, Floats], layout: DetectionLayout
) -> tuple[Floats, Floats, Floats | None]:
    """Boxes (rows, 4), scores (rows, columns), and the class of each row where columns are none."""
    if DETECTIONS in found:
        table = found[DETECTIONS]
        if layout.columns == "box+score+class":
            return table[:, :4], table[:, 4:5], table[:, 5]
        scores = _by_class(table[:, layout.fused_scores :], layout)
        if layout.columns == "box+objectness+scores":
            scores = scores * _activated(table[:, 4:5], layout)
        return table[:, :4], scores, None
    count = int(found[COUNT]) if COUNT in found else len(found[BOXES])
    boxes, scores = found[BOXES][:count], found[SCORES][:count]
    if CLASSES in found:
        return boxes, _activated(scores[:, None], layout), found[CLASSES][:count]
    return boxes, _by_class(scores, layout), None


def _by_class(scores: Floats, layout: DetectionLayout) -> Floats:
    """Scores (rows, classes), without those of a background that comes last."""
    scores = _activated(scores, layout)
    return scores[:, :-1] if layout.background == "last" else scores


def _activated(scores: Floats, layout: DetectionLayout) -> Floats:
    if layout.activation == "sigmoid":
        return np.asarray(special.expit(scores))
    if layout.activation == "softmax":
        return np.asarray(special.softmax(scores, axis=1))
    return scores


def _pixels(boxes: Floats, rows: Ints, layout: DetectionLayout) -> Floats:
    """Left, top, right and bottom of the boxes in these rows, in pixels of the model's input."""
    if layout.anchors is not None:
        found = corners(_from_anchors(boxes[rows], rows, layout), "cxcywh")
    else:
        found = corners(boxes[rows], cast(Format, layout.format))
    if layout.scale == "normalised":
        assert layout.height is not None and layout.width is not None
        found = found * (layout.width, layout.height, layout.width, layout.height)
    return found


def _from_anchors(offsets: Floats, rows: Ints, layout: DetectionLayout) -> Floats:
    """Centre and size of boxes, as fractions of the input, from offsets to the anchors of rows."""
    assert layout.anchors is not None
    if layout.format == "offsets-yx":
        offsets = offsets[:, [1, 0, 3, 2]]
    return anchors.decoded(offsets, _anchors(layout.anchors)[rows], *variances(layout))


@functools.cache
def _anchors(text: str) -> Floats:
    return anchors.boxes(anchors.parse(text))
