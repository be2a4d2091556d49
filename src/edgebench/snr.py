"""How far one set of numbers is from another: the signal-to-noise ratio, and the largest error.

The ratio is 10 log10(sum of squares of the reference / sum of squares of the error), in decibels.
The signal is that of the reference, never of what is tested.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class Errors:
    """The errors of numbers that are added part by part, so that none has to be kept."""

    def __init__(self) -> None:
        self.signal = self.noise = 0.0  # sums of squares
        self.largest_error = 0.0
        self.largest_signal = 0.0

    def add(self, signal: npt.ArrayLike, other: npt.ArrayLike) -> None:
        """Add numbers of one shape. Raises `ValueError` for two."""
        wanted = np.asarray(signal, np.float64)
        found = np.asarray(other, np.float64)
        if wanted.shape != found.shape:
            raise ValueError(f"numbers of shape {wanted.shape} and {found.shape}")
        error = found - wanted
        self.signal += float(np.vdot(wanted, wanted))
        self.noise += float(np.vdot(error, error))
        self.largest_error = max(self.largest_error, _largest(error))
        self.largest_signal = max(self.largest_signal, _largest(wanted))

    def join(self, other: Errors) -> None:
        """Add the numbers that were added to another."""
        self.signal += other.signal
        self.noise += other.noise
        self.largest_error = max(self.largest_error, other.largest_error)
        self.largest_signal = max(self.largest_signal, other.largest_signal)

    @property
    def decibels(self) -> float:
        """The ratio; see `decibels`."""
        return decibels(self.signal, self.noise)

    @property
    def snr_db(self) -> float | None:
        """The ratio as documents have it: None where there is no error."""
        return None if self.noise == 0 else self.decibels


def _largest(array: npt.NDArray[np.float64]) -> float:
    """The largest magnitude, without an array of the magnitudes."""
    return max(float(array.max(initial=0.0)), -float(array.min(initial=0.0)))


def decibels(signal: float, noise: float) -> float:
    """The ratio of two sums of squares: infinite without noise, minus infinity without a signal.

    Noise that is not finite is infinite noise.
    """
    if noise == 0:
        return math.inf
    if signal == 0 or not math.isfinite(noise):
        return -math.inf
    return 10 * math.log10(signal / noise)


def standard_error_db(samples: Sequence[Errors]) -> float:
    """How far the ratio of all samples' sums is known, in dB: one standard error.

    That of a ratio of two means over samples (Cochran, Sampling Techniques, 1977, section 2.11).
    It is 0 where there is nothing to tell it by.
    """
    noise = np.array([one.noise for one in samples])
    signal = np.array([one.signal for one in samples])
    if len(samples) < 2 or not 0 < noise.sum() < math.inf or not signal.sum() > 0:
        return 0.0
    ratio = noise.sum() / signal.sum()
    apart = noise - ratio * signal
    variance = np.square(apart).sum() / (len(samples) * (len(samples) - 1))
    return float(10 / math.log(10) * math.sqrt(variance) / noise.mean())


def snr_db(signal: npt.ArrayLike, other: npt.ArrayLike) -> float | None:
    """The SNR of numbers that are given whole; None where both are equal."""
    errors = Errors()
    errors.add(signal, other)
    return errors.snr_db
