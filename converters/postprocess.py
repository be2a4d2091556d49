"""The post-processing of a detector: from its raw head to the boxes that an application shows.

A raw head (offsets to anchors, and scores for each class) is converted and proved as any graph is.
Then the post-processing is put behind what was proved, by what each runtime has for it, and the
boxes are compared with those that the task decodes from the raw head. All formats give the same
four outputs, those of TensorFlow's detectors:

    boxes    (1, N, 4)  top, left, bottom, right, as parts of the input
    classes  (1, N)     counted as the labels are
    scores   (1, N)     best first
    count    (1,)       so many of the N rows are boxes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgebench import tasks
from edgebench.tasks import anchors, detection_layout, roles
from edgebench.tasks.boxes import Floats
from edgebench.tasks.detection_decode import detections
from edgebench.tasks.detection_layout import BOXES, CLASSES, COUNT, SCORES, DetectionLayout
from edgebench.tasks.reduction import reduce
from edgebench.tasks.task import Array, Assignment, ModelOutput, Signature

OUTPUTS = (BOXES, CLASSES, SCORES, COUNT)
"""The names of the outputs, in TFLite's order."""

MOST = 100
"""So many boxes of an image are given: COCO's metric counts no more."""

PORTS = (
    ModelOutput(BOXES, (1, MOST, 4), "float32"),
    ModelOutput(CLASSES, (1, MOST), "int32"),
    ModelOutput(SCORES, (1, MOST), "float32"),
    ModelOutput(COUNT, (1,), "int32"),
)


@dataclass(frozen=True)
class Detector:
    """A raw head and what becomes of it.

    `raw` says how the raw outputs are read, and `assignment` how those of the post-processing are.
    """

    raw: Assignment
    assignment: Assignment

    @property
    def layout(self) -> DetectionLayout:
        """What the raw outputs' shapes do not say."""
        return roles.layout_of(self.raw.layout, DetectionLayout)

    @property
    def offsets(self) -> str:
        """The raw output with the offsets."""
        return self._output(BOXES)

    @property
    def scores(self) -> str:
        """The raw output with the scores."""
        return self._output(SCORES)

    @property
    def columns(self) -> int:
        """The columns of the scores, the background's among them."""
        kept = self.raw.reduction(SCORES)
        assert kept is not None
        return kept.source[1]

    @property
    def anchors(self) -> Floats:
        """Centre x, centre y, width and height of each row's anchor, as parts of the input."""
        assert self.layout.anchors is not None
        return anchors.boxes(anchors.parse(self.layout.anchors))

    @property
    def variances(self) -> tuple[float, float]:
        return detection_layout.variances(self.layout)

    @property
    def overlap(self) -> float:
        """The IoU above which the worse of two boxes of a class goes."""
        assert self.layout.nms is not None
        return self.layout.nms

    @property
    def least(self) -> float:
        """What a score has to exceed."""
        assert self.layout.score is not None
        return self.layout.score

    def _output(self, role: str) -> str:
        return next(one.output for one in self.raw.outputs if one.role == role)

    def decoded(self, names: Sequence[str], outputs: Sequence[Array]) -> list[Array]:
        """What the post-processing gives for the raw outputs of one image, in `OUTPUTS`' order."""
        named = dict(zip(names, outputs, strict=True))
        kept = {one.role: reduce(one.reduction, one.output, named) for one in self.raw.outputs}
        (found,) = detections(_limited(self.raw), kept)
        height, width = self.layout.height, self.layout.width
        assert height is not None and width is not None
        boxes = np.zeros((1, MOST, 4), np.float32)
        classes, scores = np.zeros((1, MOST), np.int32), np.zeros((1, MOST), np.float32)
        count = len(found)
        parts = found.boxes / (width, height, width, height)
        boxes[0, :count] = parts[:, [1, 0, 3, 2]]
        classes[0, :count], scores[0, :count] = found.classes, found.scores
        return [boxes, classes, scores, np.array([count], np.int32)]


def _limited(raw: Assignment) -> Assignment:
    return replace(raw, layout={**raw.layout, "most": MOST})


def of(raw: Assignment | None) -> Detector | None:
    """The post-processing of a raw head that the task reads; None for any other model.

    It takes offsets to anchors with a score for each class, after a softmax, with the background
    first: an SSD's.
    """
    if raw is None or raw.task != detection_layout.NAME:
        return None
    layout = roles.layout_of(raw.layout, DetectionLayout)
    plain = {one.role for one in raw.outputs} == {BOXES, SCORES} and layout.transposed == "none"
    ssd = (layout.format, layout.activation, layout.background) == ("offsets", "softmax", "first")
    if not (plain and ssd):
        return None
    assert layout.height is not None and layout.width is not None
    return Detector(raw, assignment(layout.height, layout.width))


def assignment(height: int, width: int) -> Assignment:
    """How the outputs of the post-processing are read, for an input of that size."""
    words = {**{name: name for name in OUTPUTS}, "format": "yxyx", "scale": "normalised"}
    signature = Signature(PORTS, (height, width))
    return tasks.get(detection_layout.NAME).assign(signature, {**words, "most": str(MOST)})
