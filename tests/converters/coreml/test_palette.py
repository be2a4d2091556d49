"""The values that stand for weights: nearly the optimum, and exact where there are few."""

from __future__ import annotations

import numpy as np
import pytest

from edgebench.converters.coreml.evaluator.tools import ct
from edgebench.converters.coreml.palette import palette


@pytest.mark.parametrize("bits", [4, 6])
@pytest.mark.parametrize("count", [600, 60_000])
def test_the_error_is_that_of_the_optimum_over_all_values(bits: int, count: int) -> None:
    weights = np.random.default_rng(0).standard_normal((count // 20, 20)).astype(np.float16)
    values, counts = np.unique(weights, return_counts=True)
    best = ct._deps._kmeans1d.cluster(values, 2**bits, weights=counts)
    optimum = np.array(best.centroids)[np.array(best.clusters)] - values.astype(np.float64)
    made, indices = palette(weights, bits)
    error = made[indices].astype(np.float64) - weights.reshape(-1)
    assert np.square(error).sum() <= 1.001 * (counts * np.square(optimum)).sum()
    assert made.dtype == np.float16 and len(made) == 2**bits
    assert indices.dtype == np.uint8 and indices.shape == (count,)


def test_few_different_weights_are_kept_as_they_are() -> None:
    weights = np.array([[1.5, -2.0], [0.25, 1.5]], np.float16)
    made, indices = palette(weights, 4)
    np.testing.assert_array_equal(made[indices], weights.reshape(-1))
    assert len(made) == 16
