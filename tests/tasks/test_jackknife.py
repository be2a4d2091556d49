"""The jackknife's interval, where the right one is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from edgebench.tasks import jackknife
from edgebench.tasks.jackknife import Floats


def mean(values: Floats) -> jackknife.Figures:
    return lambda weights: {"mean": weights @ values / weights.sum(1)}


@pytest.mark.parametrize(("images", "closeness"), [(20, 1e-9), (500, 1e-9), (1300, 0.05)])
def test_of_a_mean_it_is_students(images: int, closeness: float) -> None:
    """More than 500 images are left out in groups, which estimates the same."""
    values = np.random.default_rng(0).uniform(0.3, 0.7, images)
    found = jackknife.score(mean(values), images)
    assert found is not None and not found.few
    figure = found.figures["mean"]
    error = max(stats.sem(values), 1 / (2 * images))
    half = stats.t.ppf(0.975, min(images, jackknife.GROUPS) - 1) * error
    assert figure.value == pytest.approx(values.mean())
    assert figure.high - figure.value == pytest.approx(half, rel=closeness)
    assert figure.value - figure.low == pytest.approx(half, rel=closeness)


def test_a_difference_over_the_same_images_has_the_interval_of_the_differences() -> None:
    chance = np.random.default_rng(0)
    one = chance.uniform(0, 1, 60)
    other = one - chance.uniform(0, 0.4, 60)
    found = jackknife.difference(mean(one), mean(other), 60)
    assert found is not None
    figure = found.figures["mean"]
    expected = stats.t.interval(0.95, 59, (one - other).mean(), stats.sem(one - other))
    assert (figure.low, figure.high) == pytest.approx(expected)


def test_a_figure_that_hangs_on_one_image_is_open() -> None:
    values = np.linspace(0.4, 0.6, 30)

    def figures(weights: Floats) -> dict[str, Floats]:
        return {"first": np.where(weights[:, 0] > 0, 0.5, np.nan), **mean(values)(weights)}

    found = jackknife.score(figures, 30)
    assert found is not None and found.few
    assert (found.figures["first"].low, found.figures["first"].high) == (0.0, 1.0)
    alone = jackknife.score(mean(values), 30)
    assert alone is not None and found.figures["mean"] == alone.figures["mean"]
    assert jackknife.score(lambda weights: {"x": np.full(len(weights), np.nan)}, 30) is None
    assert jackknife.score(figures, 0) is None
