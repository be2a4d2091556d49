"""Stopping early: against published bounds, and simulations in which nothing is to be found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from edgebench.benchmarks.statistics import sequential

LOOKS = (4, 6, 8, 10, 12, 14)
SPENDINGS = (sequential.obrien_fleming, sequential.evenly, sequential.pocock)


def test_with_many_processes_the_bounds_are_the_published_ones() -> None:
    """O'Brien and Fleming's spending of 5 %, four looks: 4.333 at first, which is too rare here."""
    found = sequential.bounds((500, 1000, 1500, 2000), 0.05, sequential.obrien_fleming)
    assert found[1:] == pytest.approx([2.963, 2.359, 2.014], abs=0.03)


def scores(runs: int, seed: int) -> np.ndarray:
    """Student's t of single values, drawn one by one, at each of the looks."""
    looks = np.array(LOOKS)
    levels = np.random.default_rng(seed).normal(size=(runs, looks[-1]))
    parts = [levels[:, :look] for look in looks]
    return np.abs(
        [one.mean(axis=1) / (one.std(axis=1, ddof=1) / one.shape[1] ** 0.5) for one in parts]
    ).T


@pytest.mark.parametrize("spending", SPENDINGS)
def test_as_much_is_spent_by_each_look_as_was_asked(spending: sequential.Spending) -> None:
    beyond = scores(60_000, 1) >= sequential.bounds(LOOKS, 0.1, spending)
    by_then = np.logical_or.accumulate(beyond, axis=1).mean(axis=0)
    assert by_then == pytest.approx([spending(0.1, n / LOOKS[-1]) for n in LOOKS], abs=0.0045)


def test_looks_at_any_time_err_no_more_often_than_they_say() -> None:
    t = scores(20_000, 2)
    assert np.mean((t > sequential.always_valid(LOOKS, 0.1, 1.0)).any(axis=1)) < 0.1
    assert np.mean((t > stats.t.isf(0.05, np.array(LOOKS) - 1)).any(axis=1)) > 0.2  # Why all this.


def test_one_look_is_the_usual_test() -> None:
    assert sequential.bounds((12,), 0.05, sequential.evenly)[0] == pytest.approx(2.201, abs=0.02)


@pytest.mark.parametrize("looks", [(1, 2), (4, 4, 8), (8, 4)])
def test_looks_have_to_increase(looks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="every further one more"):
        sequential.bounds(looks, 0.05, sequential.evenly)
