"""What a detector is to answer at each of its anchors, from the boxes of an image."""

from __future__ import annotations

import numpy as np

from edgebench.tasks import anchors as anchor
from edgebench.tasks.boxes import Floats, Ints, corners, overlaps

SAME = 0.5
"""An anchor stands for a thing that it overlaps by so much."""


def matched(anchors: Floats, boxes: Floats, classes: Ints) -> tuple[Ints, Floats]:
    """The class of each anchor, 0 for the background and one more than a thing's otherwise, and
    the offsets (anchors, 4) to its thing, 0 for the background.

    `anchors` are centres and sizes, `boxes` (things, 4) left, top, right and bottom, both as
    fractions of the input. Liu et al., "SSD", ECCV 2016, section 2.2: each thing gets the anchor
    that overlaps it most, and all others that overlap it by more than `SAME`.
    """
    kinds = np.zeros(len(anchors), np.int64)
    offsets = np.zeros((len(anchors), 4))
    if not len(boxes):
        return kinds, offsets
    shared = overlaps(boxes, corners(anchors, "cxcywh"))
    thing, most = shared.argmax(0), shared.max(0)
    # The best anchor of a thing is the thing's, whatever else it overlaps.
    for number in range(len(boxes)):
        place = int(shared[number].argmax())
        thing[place], most[place] = number, 1.0
    stands = most > SAME
    kinds[stands] = classes[thing[stands]] + 1
    sides = boxes[thing[stands]]
    wanted = np.concatenate([(sides[:, :2] + sides[:, 2:]) / 2, sides[:, 2:] - sides[:, :2]], 1)
    offsets[stands] = anchor.encoded(wanted, anchors[stands])
    return kinds, offsets
