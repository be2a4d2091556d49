"""The signal-to-noise ratio of one set of numbers to another, in decibels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def snr_db(signal: npt.ArrayLike, other: npt.ArrayLike) -> float | None:
    """10 log10 of the signal's power over that of the difference; None where both are equal."""
    wanted = np.asarray(signal, dtype=np.float64)
    noise = np.square(np.asarray(other, dtype=np.float64) - wanted).sum()
    if noise == 0:
        return None
    return float(10 * np.log10(np.square(wanted).sum() / noise))
