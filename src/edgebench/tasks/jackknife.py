"""Intervals of figures that are no shares of images: AP, mIoU.

The unit is the image. The standard error is the jackknife's (Quenouille 1956; Tukey 1958): how much
the figure changes when one image is left out, with Student's t for the number of images. It is at
least half of what one image can change: where no image seen makes a difference, another still may.

Why not a bootstrap over images: it draws some images twice, which moves AP's interpolation and the
mean over rare classes in another way than as many new images would. Simulated with 20 to 300
images of a detector (3 and 20 classes) and of a segmenter (21, some of them rare), this interval
held the figure of other sets of as many images in 95 to 100 of 100 draws, and so for the difference
of two models; a bootstrap's percentiles did in 87 to 96, and for rare classes in 79. It needs no
random numbers either.

AP and mIoU come out a little higher or lower on few images than on many. So the interval of a
figure is for sets of as many images; a difference is all but free of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy import special

from edgebench.intervals import CONFIDENCE, Estimate
from edgebench.tasks.task import Score

Floats = npt.NDArray[np.float64]
Figures = Callable[[Floats], Mapping[str, Floats]]
"""Figures by id for each row of weights (choices, images); NaN where there is nothing to find."""

ENOUGH = 20
"""With fewer images no interval was found to hold; the figure could be anything."""

GROUPS = 500
"""More images are left out in so many groups, for the time it takes."""


def score(figures: Figures, images: int) -> Score | None:
    """Figures in 0..1 with their intervals; None where there is nothing to find."""
    return _score(figures, images, 0.0)


def difference(figures: Figures, others: Figures, images: int) -> Score | None:
    """The difference of two sets of figures over the same images, with intervals of its own."""

    def both(weights: Floats) -> dict[str, Floats]:
        one, other = figures(weights), others(weights)
        return {name: one[name] - other[name] for name in one}

    return _score(both, images, -1.0)


def _score(figures: Figures, images: int, least: float) -> Score | None:
    if not images:
        return None
    groups = min(images, GROUPS)
    left_out = np.arange(groups)[:, None] != np.arange(images) % groups
    found = figures(np.concatenate([np.ones((1, images)), left_out]))
    if any(np.isnan(values[0]) for values in found.values()):
        return None
    estimates, few = {}, False
    for name, values in found.items():
        half = _half_width(values[1:], images)
        few = few or half == np.inf
        value = float(values[0])
        estimates[name] = Estimate(value, max(least, value - half), min(1.0, value + half))
    return Score(images, estimates, few)


def _half_width(without: Floats, images: int) -> float:
    """Half of the interval, from the figure without each group; infinite where one has none."""
    groups = len(without)
    if images < ENOUGH or np.isnan(without).any():
        return np.inf
    error = max(float(np.sqrt((groups - 1) * np.var(without))), 1 / (2 * images))
    return float(special.stdtrit(groups - 1, (1 + CONFIDENCE) / 2)) * error
