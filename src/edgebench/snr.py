"""How far one set of numbers is from another: the signal-to-noise ratio, and the largest error.

The range is always that of the reference, never of what is tested.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


class Errors:
    """The errors of numbers that are added part by part, so that none has to be kept."""

    def __init__(self) -> None:
        self._signal = self._noise = 0.0
        self.largest_error = 0.0
        self.largest_signal = 0.0

    def add(self, signal: npt.ArrayLike, other: npt.ArrayLike) -> None:
        """Add numbers of one shape. Raises `ValueError` for two."""
        wanted = np.asarray(signal, np.float64)
        found = np.asarray(other, np.float64)
        if wanted.shape != found.shape:
            raise ValueError(f"numbers of shape {wanted.shape} and {found.shape}")
        error = found - wanted
        self._signal += float(np.square(wanted).sum())
        self._noise += float(np.square(error).sum())
        self.largest_error = max(self.largest_error, float(np.abs(error).max(initial=0.0)))
        self.largest_signal = max(self.largest_signal, float(np.abs(wanted).max(initial=0.0)))

    @property
    def snr_db(self) -> float | None:
        """10 log10 of the signal's power over that of the error; None where there is no error."""
        if self._noise == 0:
            return None
        return 10 * math.log10(self._signal / self._noise) if self._signal else -math.inf


def snr_db(signal: npt.ArrayLike, other: npt.ArrayLike) -> float | None:
    """The SNR of numbers that are given whole; None where both are equal."""
    errors = Errors()
    errors.add(signal, other)
    return errors.snr_db
