"""The size of a run: laws that hold for whatever a pilot finds."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgebench.benchmarks.planning.pace import SHORTEST_SAMPLE_S, TURN_S, GroupPace, Pace
from edgebench.benchmarks.planning.request import DETECT_LIMIT_S
from edgebench.benchmarks.planning.sizing import (
    LOOKING,
    MOST_PROCESSES,
    ROUGHLY,
    WANTED_PROCESSES,
    Forecast,
    choose_size,
)
from edgebench.benchmarks.report import wording
from edgebench.benchmarks.statistics.looks import Looks, fewest_processes
from edgebench.errors import UsageError

groups = st.builds(
    GroupPace,
    inference_s=st.lists(st.floats(2e-5, 0.2), min_size=2, max_size=4).map(
        lambda times: dict(zip("abcd", times, strict=False))
    ),
    scatter=st.floats(1e-3, 0.2),
    turn_scatter=st.floats(0, 0.2),
    start_s=st.sampled_from([0.0, 0.0, 0.3]),
)
paces = st.builds(
    Pace,
    groups=st.dictionaries(st.sampled_from("fgh"), groups, min_size=1),
    comparisons=st.integers(1, 3),
    warmup_s=st.just(0.1),
    start_s=st.floats(0.05, 2),
)


def chosen(pace: Pace, budget_s: float | None, detect: float | None = None) -> Forecast | None:
    try:
        return choose_size(pace, budget_s, detect)
    except UsageError:
        return None


def alone(inference_s: float = 0.02, scatter: float = 0.02, start_s: float = 0.5) -> Pace:
    group = GroupPace({"a": inference_s, "b": inference_s}, scatter)
    return Pace({"f": group}, comparisons=1, warmup_s=0.1, start_s=start_s)


@settings(max_examples=40)
@given(paces, st.floats(5, 600))
def test_a_budget_twice_as_large_detects_less(pace: Pace, budget: float) -> None:
    small, large = chosen(pace, budget), chosen(pace, 2 * budget)
    assume(small is not None and small.size.processes < MOST_PROCESSES)
    assert small is not None and large is not None
    # Looking early costs a little, and whole rounds do not fill every length of a process.
    assert large.detectable <= small.detectable * LOOKING


@settings(max_examples=40)
@given(paces, st.floats(1, 600))
def test_the_budget_is_kept_or_refused(pace: Pace, budget: float) -> None:
    try:
        found = choose_size(pace, budget, None)
    except UsageError as error:
        assert "too short" in error.message and error.remedy.startswith("give --budget")
        return
    shortest = found.size.processes == fewest_processes(pace.comparisons)
    assert found.seconds <= budget * 1.001 or (shortest and found.measuring_s <= budget / 2)
    assert fewest_processes(pace.comparisons) <= found.size.processes <= MOST_PROCESSES
    assert found.size.first_look >= fewest_processes(pace.comparisons)


@settings(max_examples=40)
@given(paces, st.floats(0.005, 0.2))
def test_what_is_asked_for_is_detected_or_all_is_spent(pace: Pace, detect: float) -> None:
    found = chosen(pace, None, detect)
    assume(found is not None)
    assert found is not None
    assert found.asked == detect and found.seconds <= DETECT_LIMIT_S
    if found.detectable > detect:  # Then it is the most that there is.
        full = chosen(pace, None)
        assert full is not None and found.size == full.size


@given(st.floats(1e-5, 0.4), st.integers(0, 4))
def test_what_is_touched_is_dropped_and_as_much_counts_if_it_fits(
    time_s: float, touched: int
) -> None:
    turn = GroupPace({"a": time_s, "b": time_s}, 0.02, carry_over=touched).turn
    assert turn.dropped * turn.batch >= max(touched, 1)
    counted = turn.samples - turn.dropped
    assert 1 <= counted <= max(turn.dropped, 2)
    assert counted == 1 or turn.samples * turn.batch * time_s <= TURN_S


def test_slots_of_slow_models_drop_nothing_and_fast_ones_are_timed_in_batches() -> None:
    def turn(*times_s: float) -> tuple[int, int, int]:
        found = GroupPace(dict(zip("abc", times_s, strict=False)), 0.02).turn
        return found.samples, found.dropped, found.batch

    assert turn(0.02, 0.03) == (4, 2, 1)
    assert turn(0.02, 0.06) == (3, 2, 1)
    assert turn(0.4, 1.0) == (1, 0, 1)
    assert turn(50e-6, 60e-6) == (3, 1, round(SHORTEST_SAMPLE_S / 50e-6))


def test_a_balanced_round_that_takes_too_long_goes_there_and_back() -> None:
    def turns(models: int, time_s: float) -> int:
        return GroupPace({str(number): time_s for number in range(models)}, 0.02).turns

    assert turns(3, 0.02) == 3 and turns(6, 0.02) == 6
    assert turns(7, 0.002) == 2 and turns(6, 0.1) == 2


def test_a_turn_that_is_a_process_is_long_and_goes_there_and_back() -> None:
    apart = GroupPace({"a": 0.02, "b": 0.03}, 0.02, start_s=0.4)
    assert apart.turn.samples * 0.03 >= 0.5 and apart.turns == 2
    assert apart.round_s == pytest.approx(2 * (2 * 0.4 + apart.turn.samples * 0.05))
    found = choose_size(Pace({"f": apart}, 1, 0.1, 0.0), 90.0, None)
    assert found.size.groups["f"].there_and_back and found.seconds <= 90


def test_a_run_can_stop_after_a_third_of_its_budget() -> None:
    found = choose_size(alone(), 90.0, None)
    assert found.size.first_look <= found.size.processes / 2
    assert found.size.processes >= WANTED_PROCESSES * 0.9
    late = choose_size(alone(), 90.0, None, stops_early=False)
    assert late.size.first_look == late.size.processes
    assert late.detectable < found.detectable


@pytest.mark.parametrize("budget_s", [30.0, 60.0, 300.0, 1800.0])
def test_what_is_not_found_yet_is_looked_for_through_the_whole_budget(budget_s: float) -> None:
    found = choose_size(alone(), budget_s, 0.03)
    assert found.detectable < 0.03 and 0.75 * budget_s < found.seconds <= budget_s
    assert found.size.first_look < found.size.processes / 2
    once = choose_size(alone(), budget_s, 0.03, stops_early=False)
    assert once.seconds < found.seconds


@pytest.mark.parametrize("detect", [0.002, 0.005, 0.02])
def test_without_a_budget_it_may_take_four_times_as_long_as_expected(detect: float) -> None:
    once = choose_size(alone(), None, detect, stops_early=False)
    found = choose_size(alone(), None, detect)
    longest = ROUGHLY * LOOKING**2 * once.seconds
    assert longest / 2 < found.seconds < 1.1 * longest < DETECT_LIMIT_S


def test_starting_processes_takes_no_more_than_half_of_the_time() -> None:
    found = choose_size(alone(start_s=4.0, scatter=0.1), 90.0, None)
    assert found.starting_s <= found.seconds * 0.55
    assert found.size.processes >= fewest_processes()


def test_the_forecast_says_processes_time_and_what_will_be_detected() -> None:
    found = choose_size(alone(), 60.0, 0.0001)
    (text,) = wording.forecast(found)
    assert text.startswith(f"up to {found.size.processes} processes, at most {found.seconds:.0f} s")
    assert "will be detected, but not the 0.0" in text


def test_a_slow_model_is_refused_with_the_budget_it_needs() -> None:
    with pytest.raises(UsageError, match="a budget of 5 s is too short") as caught:
        choose_size(alone(2.0), 5.0, None)
    needed = float(caught.value.remedy.partition("--budget ")[2].partition("s")[0])
    assert choose_size(alone(2.0), needed, None).seconds <= needed


def test_more_scatter_asks_for_more_time() -> None:
    calm, noisy = (choose_size(alone(scatter=s), None, 0.02) for s in (0.01, 0.05))
    assert noisy.seconds > calm.seconds


def test_a_large_overhead_is_detected_in_seconds() -> None:
    large, small = (choose_size(alone(start_s=0.1), None, s, 0, False) for s in (0.5, 0.01))
    assert large.size.processes == fewest_processes() and large.measuring_s < 3
    assert small.measuring_s > 3 * large.measuring_s


def test_a_run_that_may_stop_has_processes_to_spare() -> None:
    asked = [choose_size(alone(), 300.0, 0.01, 0, early) for early in (False, True)]
    planned, spare = (one.size for one in asked)
    assert planned.processes < spare.processes and spare.first_look < spare.processes
    assert planned.first_look == planned.processes


def test_an_emptied_pace_plans_nothing() -> None:
    found = choose_size(Pace({}, 1, 0.1, 0.5), 60.0, None)
    assert found.blocks == 0 and found.measuring_s == 0


def test_looking_costs_what_the_bounds_say() -> None:
    from scipy import stats

    for processes in (12, 24, 30):
        first = choose_size(alone(), 90.0, None).size.first_look
        error = Looks(first, processes).error(processes, 0.05)
        reach = stats.t.isf(error / 2, processes - 1) / stats.t.isf(0.025, processes - 1)
        assert reach == pytest.approx(LOOKING, abs=0.06)
