"""Steadiness: what is cut from a visit, and what is not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.benchmarks.statistics.steady import Steadiness, last_change, steadiness

LEVEL_NS = 2e6


def visit(seed: int, length: int, noise: float) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return LEVEL_NS * np.exp(chance.normal(0, noise, length))


def whole(times: np.ndarray) -> list[int]:
    return [int(one) for one in times]


@given(
    st.lists(st.integers(1, 10**9), min_size=0, max_size=8),
    st.lists(st.integers(1, 10**9), min_size=1, max_size=60),
)
def test_half_of_the_timed_inferences_are_kept_whatever_the_times(
    warmup: list[int], samples: list[int]
) -> None:
    found = steadiness(warmup, samples)
    assert 0 <= found.start <= len(samples) / 2
    assert found.steady or found.start == 0


@given(st.lists(st.integers(1000, 10**9), min_size=6, max_size=60), st.integers(2, 50))
def test_a_slower_machine_is_cut_at_the_same_place(samples: list[int], factor: int) -> None:
    slower = [one * factor for one in samples]
    assert last_change(np.log(slower)) == last_change(np.log(samples))


@pytest.mark.parametrize("length", [12, 20, 60, 400])
@pytest.mark.parametrize("noise", [0.002, 0.02, 0.08])
def test_a_visit_without_change_loses_almost_nothing(length: int, noise: float) -> None:
    found = [steadiness((), whole(visit(seed, length, noise))) for seed in range(200)]
    assert sum(one.start for one in found) < 0.01 * 200 * length
    assert sum(not one.steady for one in found) <= 8


def random_visits(seed: int) -> Iterator[tuple[np.ndarray, np.random.Generator]]:
    """Three hundred visits of 12 to 300 inferences, with noise of 0.1 to 3 %."""
    chance = np.random.default_rng(seed)
    for _ in range(300):
        length, noise = int(chance.integers(12, 301)), chance.uniform(0.001, 0.03)
        yield LEVEL_NS * np.exp(chance.normal(0, noise, length)), chance


def test_a_slow_start_is_cut_within_a_few_samples() -> None:
    right = 0
    for times, chance in random_visits(1):
        slow = int(chance.integers(3, times.size // 3 + 1))
        times[:slow] *= chance.uniform(1.25, 3)
        found = steadiness((), whole(times))
        right += found.steady and abs(found.start - slow) <= 3
    assert right >= 0.97 * 300


def test_a_warm_up_that_was_long_enough_costs_no_timed_inferences() -> None:
    right = 0
    for times, chance in random_visits(2):
        warmup = int(chance.integers(3, 20))
        slow = LEVEL_NS * chance.uniform(1.1, 2, warmup)
        right += steadiness(whole(slow), whole(times)) == Steadiness(True, 0)
    assert right >= 0.97 * 300


def test_a_step_on_the_way_is_noticed() -> None:
    right = 0
    for times, chance in random_visits(3):
        step = int(chance.uniform(0.25, 0.75) * times.size)
        times[step:] *= chance.choice([0.6, 0.8, 1.25, 2.0])
        found = steadiness((), whole(times))
        late = Steadiness(False, 0)
        if abs(step - times.size / 2) <= 3:
            right += found != Steadiness(True, 0)
        elif step > times.size / 2:
            right += found == late
        else:
            right += found.steady and abs(found.start - step) <= 3
    assert right >= 0.97 * 300


def test_a_single_hiccup_changes_no_level() -> None:
    cut = 0
    for seed in range(200):
        times = visit(seed, 40, 0.02)
        times[10 + seed % 29] *= 5
        cut += steadiness((), whole(times)) != Steadiness(True, 0)
    assert cut <= 10


def test_a_change_too_small_to_matter_costs_no_samples() -> None:
    times = visit(0, 200, 0.001)
    times[:60] *= 1.01
    assert steadiness((), whole(times)) == Steadiness(True, 0)
