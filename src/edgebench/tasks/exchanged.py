"""What errors of scores are to cost, from the errors of every image put on every other.

Few images hold few answers that turn: of 200 one or two, and of many files the one that happens to
have none looks best. But whether an answer turns depends on how far the best class leads and on how
large the errors are, and every image shows something of both. So the errors that each image has at
its best class, its second and so on are put on the scores of every image: n x n pairs of n images.
This takes errors to be alike from image to image.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from edgebench.intervals import CONFIDENCE, Estimate

Floats = npt.NDArray[np.float64]

DEPTH = 8
"""The best classes of an image, one of which answers for it."""


def expected_loss(
    reference: Floats, scores: Floats, labels: npt.NDArray[np.int64] | None
) -> Estimate:
    """The share of right answers that errors like these turn wrong, less those that they mend.

    `reference` and `scores` are (images, classes), the larger the better, and `labels` (images,)
    the places of the right classes. Without them it is the share of answers that turn. The interval
    is Student's for a V-statistic by its projection on single images (Hoeffding, Annals of
    Mathematical Statistics 19, 1948).
    """
    images = len(reference)
    order = np.argsort(-reference, axis=1, kind="stable")[:, :DEPTH]
    right = order == (order[:, :1] if labels is None else labels[:, None])
    best = np.take_along_axis(reference, order, 1)
    errors = np.take_along_axis(scores, order, 1) - best
    lost = np.empty((images, images))  # By the image and whose errors it got.
    for image in range(images):
        answer = (best[image] + errors).argmax(1)
        lost[image] = float(right[image, 0]) - right[image, answer]
    value = float(lost.mean())
    if images < 2:
        return Estimate(value, -1.0, 1.0)
    spread = float((lost.mean(0) + lost.mean(1)).std(ddof=1))
    quantile = float(special.stdtrit(images - 1, (1 + CONFIDENCE) / 2))
    half = quantile * spread / math.sqrt(images)
    return Estimate(value, value - half, value + half)
