"""The looks at a run: when there is an interval, and at which level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.benchmarks.statistics.looks import Looks, fewest_processes, first_look
from edgebench.benchmarks.statistics.paired import overhead

ALPHA = 0.05


@settings(max_examples=12)
@given(st.integers(6, 16), st.integers(1, 4))
def test_there_is_an_interval_from_the_first_look_on(processes: int, comparisons: int) -> None:
    first = first_look(processes, comparisons)
    assert min(processes, fewest_processes(comparisons)) <= first <= processes
    if first == processes:
        return
    looks = Looks(first, processes)
    assert looks.fewest(comparisons) == first
    for done in {first, (first + processes) // 2, processes}:
        levels = np.linspace(-0.01, 0.02, done)
        found = overhead(levels, (), comparisons, None, looks)
        assert found.interval.low <= found.equivalence.low <= found.value
        assert found.value <= found.equivalence.high <= found.interval.high
    with pytest.raises(ValueError, match="too few"):
        overhead(np.zeros(first - 1), (), comparisons, None, looks)


def test_looking_often_costs_width() -> None:
    looks = Looks(first_look(20), 20)
    errors = [looks.error(done, ALPHA) for done in range(looks.first, 21)]
    assert max(errors) < ALPHA
    assert looks.error(looks.first - 1, ALPHA) == 0


def test_one_look_is_at_the_whole_error_wherever_the_run_ends() -> None:
    looks = Looks(20, 20)
    assert not looks.many and looks.fewest(1) == fewest_processes() == 6
    assert {looks.error(done, ALPHA) for done in (6, 13, 20)} == {ALPHA}


def test_all_looks_together_err_as_often_as_they_say() -> None:
    """The signed-rank interval at every look, on processes that scatter about the truth."""
    chance = np.random.default_rng(1)
    looks = Looks(first_look(16), 16)
    runs, missed = 600, 0
    for _ in range(runs):
        levels = chance.normal(0, 0.01, 16)
        found = (
            overhead(levels[:done], (), 1, None, looks).interval for done in range(looks.first, 17)
        )
        missed += any(not one.low <= 0 <= one.high for one in found)
    # 5 % and three standard errors of as many runs.
    assert missed / runs <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / runs) ** 0.5
