"""The signal-to-noise ratio, and how far few samples tell it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgebench.snr import Errors, standard_error_db

RNG = np.random.default_rng(0)


def errors(signal: float, noise: float) -> Errors:
    one = Errors()
    one.signal, one.noise = signal, noise
    return one


def test_its_standard_error_is_that_of_samples_drawn_again() -> None:
    """Against the bootstrap (Efron 1979): errors of a few samples that are far above the rest."""
    samples = [errors(*pair) for pair in RNG.lognormal((2, -1), (0.5, 1), (200, 2))]
    pairs = np.array([(one.signal, one.noise) for one in samples])
    drawn = pairs[RNG.integers(0, len(pairs), (4000, len(pairs)))].sum(axis=1)
    found = standard_error_db(samples)
    assert found == pytest.approx(np.std(10 * np.log10(drawn[:, 0] / drawn[:, 1])), rel=0.1)


def test_samples_that_are_alike_tell_it_exactly() -> None:
    # Twice the signal with twice the noise is the same ratio.
    assert standard_error_db([errors(4, 1), errors(8, 2), errors(4, 1)]) == pytest.approx(0)


@pytest.mark.parametrize("samples", [[], [(4, 1)], [(4, 0), (2, 0)], [(0, 1), (0, 1)]])
def test_without_a_ratio_there_is_nothing_to_tell(samples: list[tuple[float, float]]) -> None:
    assert standard_error_db([errors(*one) for one in samples]) == 0.0
    assert standard_error_db([errors(4, math.inf), errors(4, 1)]) == 0.0
