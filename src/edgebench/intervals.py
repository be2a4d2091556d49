"""Values with their 95 % confidence intervals, and the intervals of shares.

The unit is the image (or whatever is drawn at random), and two models are compared over the same
images. NumPy and SciPy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from edgebench.estimate import Estimate as Estimate

Bools = npt.NDArray[np.bool_]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


def share(hits: int, count: int) -> Estimate:
    """So many of `count` independent trials, with Wilson's interval (Wilson 1927).

    Raises `ValueError` for a count of zero.
    """
    if count == 0:
        raise ValueError("a share of nothing")
    low, high = _wilson(hits / count, count)
    # Exactly so at the ends, where rounding may leave a little.
    return Estimate(hits / count, low if hits else 0.0, high if hits < count else 1.0)


def mean(values: npt.ArrayLike) -> Estimate:
    """The mean of independent values, such as differences by seed, with Student's interval.

    One value alone has an interval without ends. Raises `ValueError` for none.
    """
    found = np.asarray(values, np.float64)
    if not found.size:
        raise ValueError("a mean of nothing")
    value = float(found.mean())
    if found.size == 1:
        return Estimate(value, -np.inf, np.inf)
    error = float(found.std(ddof=1)) / np.sqrt(found.size)
    half = float(special.stdtrit(found.size - 1, (1 + CONFIDENCE) / 2)) * error
    return Estimate(value, value - half, value + half)


def proportion(hits: Bools) -> Estimate:
    """The share of images with a hit, such as accuracy, with Wilson's interval."""
    return share(int(hits.sum()), hits.size)


def clustered_share(hits: npt.ArrayLike, totals: npt.ArrayLike) -> Estimate:
    """The share of hits among things that come in images, such as pixels: sum(hits) / sum(totals).

    Both are counts by image. Pixels of one image are alike, so the interval is Wilson's for the
    effective number of independent things: p (1 - p) over the variance of p from image to image
    (that of a ratio, linearised), corrected for the number of images by Student's t (Korn and
    Graubard 1998; Franco et al. 2019). The variance is taken with one more image that varies as
    much as an image can, so that images which are all alike leave room for one that is not. One
    image alone leaves [0, 1]. Raises `ValueError` where there is nothing to count.
    """
    hit, total = np.asarray(hits, np.float64), np.asarray(totals, np.float64)
    if not total.sum() > 0:
        raise ValueError("a share of nothing")
    value = float(hit.sum() / total.sum())
    images = int((total > 0).sum())
    if images == 1:
        return Estimate(value, 0.0, 1.0)
    most = value * (1 - value)
    rest = images * (hit - value * total) / total.sum()
    variance = (float(np.square(rest).sum()) + most) / images
    tails = special.ndtri((1 + CONFIDENCE) / 2) / special.stdtrit(images - 1, (1 + CONFIDENCE) / 2)
    effective = images * float(tails) ** 2 * (most / variance if most else 1.0)
    return Estimate(value, *_wilson(value, effective))


def _wilson(value: float, count: float) -> tuple[float, float]:
    z = float(special.ndtri((1 + CONFIDENCE) / 2))
    centre = (value + z * z / (2 * count)) / (1 + z * z / count)
    half = (
        z
        / (1 + z * z / count)
        * float(np.sqrt(value * (1 - value) / count + z * z / (4 * count * count)))
    )
    return max(0.0, min(value, centre - half)), min(1.0, max(value, centre + half))


def paired_difference(hits: Bools, reference: Bools) -> Estimate:
    """The difference of two shares over the same images, hits minus reference.

    The interval for paired proportions is Newcombe's square-and-add method with the correlation
    of the pairs (Newcombe 1998, method 10): it needs no resampling and holds its level where the
    two rarely differ, which is when a bootstrap over images has nothing to resample.
    """
    first, second = proportion(hits), proportion(reference)
    n11 = int((hits & reference).sum())
    n10 = int((hits & ~reference).sum())
    n01 = int((~hits & reference).sum())
    n00 = hits.size - n11 - n10 - n01
    phi = _phi(n11, n10, n01, n00)
    difference = first.value - second.value
    below = _root(first.value - first.low, second.high - second.value, phi)
    above = _root(first.high - first.value, second.value - second.low, phi)
    return Estimate(difference, max(-1.0, difference - below), min(1.0, difference + above))


def _phi(n11: int, n10: int, n01: int, n00: int) -> float:
    """The pairs' correlation, with Newcombe's continuity correction."""
    product = (n11 + n10) * (n01 + n00) * (n11 + n01) * (n10 + n00)
    if product == 0:
        return 0.0
    total = n11 + n10 + n01 + n00
    cross = n11 * n00 - n10 * n01
    corrected = max(cross - total / 2, 0) if cross > 0 else cross
    return float(corrected / np.sqrt(product))


def _root(a: float, b: float, phi: float) -> float:
    return float(np.sqrt(max(a * a - 2 * phi * a * b + b * b, 0.0)))
