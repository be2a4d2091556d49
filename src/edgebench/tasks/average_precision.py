"""COCO's average precision, from what is kept of each image.

The definitions are those of the COCO detection challenge (cocodataset.org/#detection-eval), as its
own `COCOeval` computes them: IoU thresholds 0.50, 0.55 ... 0.95, the precision at 101 recalls, the
100 best detections of a class in an image, crowds neither found nor missed. Objects of all sizes.

Why not `COCOeval` itself (pycocotools): an interval needs the figure of hundreds of choices of the
images. Its last step alone takes 0.8 s on 500 images, and this all 500 choices of them in 0.6 s;
a report would need a compiled package wherever it is read. The tests hold this to it instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from edgebench.tasks.boxes import Floats, Ints, overlaps

Bits = npt.NDArray[np.uint16]

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MOST = 100
"""So many detections of a class in an image count, the best first."""

_AT_ONCE = 4_000_000
_AP50, _AP75 = 0, 5


@dataclass(frozen=True)
class Matches:
    """An image's detections, class by class and best first: what they are at each threshold.

    Bit i of `right` says that a detection found a thing at threshold i, bit i of `ignored` that it
    lies in a crowd and counts for nothing.
    """

    classes: Ints
    scores: Floats
    right: Bits
    ignored: Bits


def match(
    boxes: Floats,
    scores: Floats,
    classes: Ints,
    wanted: Floats,
    wanted_classes: Ints,
    crowd: npt.NDArray[np.bool_],
) -> Matches:
    """Match an image's detections with what is there: greedily, the best detection first."""
    order = np.lexsort((-scores, classes))
    boxes, scores, classes = boxes[order], scores[order], classes[order]
    right, ignored = np.zeros((2, len(order)), np.uint16)
    keep = np.zeros(len(order), bool)
    for one in np.unique(classes):
        here = np.flatnonzero(classes == one)[:MOST]
        keep[here] = True
        there = np.flatnonzero(wanted_classes == one)
        if there.size:
            crowded = crowd[there]
            iou = overlaps(boxes[here], wanted[there], crowded)
            right[here], ignored[here] = _matched(iou, crowded)
    return Matches(classes[keep], scores[keep], right[keep], ignored[keep])


def _matched(iou: Floats, crowd: npt.NDArray[np.bool_]) -> tuple[Bits, Bits]:
    """The bits of detections of one class, best first, by their IoU (detections, things)."""
    right, ignored = np.zeros((2, len(iou)), np.uint16)
    bits = np.left_shift(1, np.arange(len(THRESHOLDS))).astype(np.uint16)
    free = np.ones((len(THRESHOLDS), iou.shape[1]), bool)  # A crowd always is.
    last = iou.shape[1] - 1
    for place in np.flatnonzero(iou.max(1) >= THRESHOLDS[0]):
        near = free & (iou[place] >= THRESHOLDS[:, None])
        for kind, found in ((~crowd, right), (crowd, ignored)):
            candidates = np.where(near & kind, iou[place], -1.0)
            best = last - np.argmax(candidates[:, ::-1], axis=1)  # The last among equals.
            hit = candidates[np.arange(len(bits)), best] >= 0
            found[place] = bits[hit].sum()
            if kind is not crowd:
                free[np.flatnonzero(hit), best[hit]] = False
                near[hit] = False  # A thing goes before a crowd.
    return right, ignored


def average_precision(
    weights: Floats, images: Ints, found: Matches, things: Ints
) -> dict[str, Floats]:
    """AP, AP50 and AP75 of weighted images, for each row of `weights` (choices, images).

    `images` says which image each detection is of, and `things` (images, classes) counts what is
    there, crowds left out. NaN for a choice without a thing.
    """
    order = np.lexsort((-found.scores, found.classes))
    classes = found.classes[order]
    each = np.full((things.shape[1], len(THRESHOLDS), len(weights)), np.nan)
    for one in np.flatnonzero(things.sum(0)):
        here = order[slice(*np.searchsorted(classes, [one, one + 1]))]
        ranked = _Ranked(images[here], found.right[here], found.ignored[here], things[:, one])
        step = max(1, _AT_ONCE // max(1, len(ranked.hits)))
        for start in range(0, len(weights), step):
            rows = slice(start, start + step)
            each[one, :, rows] = ranked.average_precision(weights[rows])
    some = np.isfinite(each)
    with np.errstate(invalid="ignore"):
        mean = np.where(some, each, 0).sum(0) / some.sum(0)
    return {"ap": mean.mean(0), "ap50": mean[_AP50], "ap75": mean[_AP75]}


class _Ranked:
    """The detections of a class, best first: the image of each, and what it is.

    Precision is asked for at the hits alone, the detections that are right at some threshold. A
    choice that holds an image twice holds each of its detections twice in a row, which comes to
    one step of twice the height: the precision is highest at the end of it.
    """

    def __init__(self, images: Ints, right: Bits, ignored: Bits, things: Ints) -> None:
        self._images, self._right, self._ignored, self._things = images, right, ignored, things
        self.hits = np.flatnonzero(right)
        self._up_to_hits = self._counter(np.arange(len(images)))

    def _counter(self, chosen: Ints) -> sparse.csr_array:
        """(hits, images): an image's chosen detections after the hit before, up to this one."""
        place = np.searchsorted(self.hits, chosen)
        inside = place < len(self.hits)
        where = place[inside], self._images[chosen[inside]]
        shape = len(self.hits), len(self._things)
        return sparse.csr_array((np.ones(int(inside.sum())), where), shape=shape)

    def average_precision(self, weights: Floats) -> Floats:
        """By threshold, (thresholds, choices); NaN for a choice without a thing."""
        things = weights @ self._things
        counted = np.cumsum(self._up_to_hits @ weights.T, axis=0).T
        result = np.zeros((len(THRESHOLDS), len(weights)))
        for threshold in range(len(THRESHOLDS)):
            right = np.flatnonzero(self._right[self.hits] >> threshold & 1)
            if not right.size:
                continue
            found = np.cumsum(weights[:, self._images[self.hits[right]]], axis=1)
            of = counted[:, right]
            skipped = np.flatnonzero(self._ignored >> threshold & 1)
            if skipped.size:
                of = of - np.cumsum(self._counter(skipped) @ weights.T, axis=0).T[:, right]
            precision = np.divide(found, of, out=np.zeros_like(found), where=of > 0)
            best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            with np.errstate(invalid="ignore", divide="ignore"):
                recall = found / things[:, None]
            steps = np.diff(np.searchsorted(RECALLS, recall, side="right"), axis=1, prepend=0)
            result[threshold] = (steps * best).sum(1) / len(RECALLS)
        result[:, things == 0] = np.nan
        return result
