"""The size of a run: laws that hold for whatever a pilot finds."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgebench.benchmarks.planning.request import DETECT_LIMIT_S
from edgebench.benchmarks.planning.sizing import (
    MIN_INFERENCES,
    Forecast,
    Pace,
    SlotPace,
    choose_size,
    detectable,
    measuring_s,
)
from edgebench.benchmarks.report import wording
from edgebench.benchmarks.statistics.paired import fewest_processes
from edgebench.errors import UsageError

slots = st.builds(
    SlotPace,
    inference_s=st.floats(2e-5, 0.2),
    warmup_s=st.floats(1e-3, 0.5),
    scatter=st.floats(1e-3, 0.2),
)
paces = st.builds(
    Pace,
    groups=st.dictionaries(
        st.sampled_from("fgh"),
        st.lists(slots, min_size=2, max_size=4).map(lambda s: dict(zip("abcd", s, strict=False))),
        min_size=1,
    ),
    comparisons=st.integers(1, 3),
    block_scatter=st.floats(1e-3, 0.1),
    warmup_s=st.just(0.1),
    start_s=st.floats(0, 2),
)


def chosen(pace: Pace, budget_s: float | None, detect: float | None = None) -> Forecast | None:
    try:
        return choose_size(pace, budget_s, detect)
    except UsageError:
        return None


@settings(max_examples=40)
@given(paces, st.floats(1, 600), st.floats(1, 4))
def test_a_larger_budget_never_detects_less(pace: Pace, budget: float, times: float) -> None:
    small, large = chosen(pace, budget), chosen(pace, budget * times)
    assume(small is not None)
    assert small is not None and large is not None
    assert large.detectable <= small.detectable


@settings(max_examples=40)
@given(paces, st.floats(1, 600))
def test_the_budget_is_kept_or_refused(pace: Pace, budget: float) -> None:
    forecast = chosen(pace, budget)
    if forecast is None:
        with pytest.raises(UsageError, match="too short for these models") as caught:
            choose_size(pace, budget, None)
        assert "--budget" in caught.value.remedy
        return
    assert forecast.seconds <= budget or forecast.measuring_s <= budget / 2
    assert forecast.size.processes >= fewest_processes(pace.comparisons)
    assert forecast.size.blocks % forecast.size.processes == 0


@settings(max_examples=40)
@given(paces, st.floats(0.005, 0.1))
def test_what_is_asked_for_is_detected_at_the_least_cost(pace: Pace, detect: float) -> None:
    best, enough = chosen(pace, None), chosen(pace, None, detect)
    assume(best is not None)
    assert best is not None and enough is not None
    if best.detectable <= detect:
        assert enough.detectable <= detect
        assert enough.seconds <= best.seconds
        assert "asked for" not in wording.forecast(enough)[0]
    else:
        assert enough == Forecast(**{**vars(best), "asked": detect})
        assert "asked for: that takes longer" in wording.forecast(enough)[0]
    assert enough.measuring_s <= DETECT_LIMIT_S


@given(paces, st.floats(20, 600), st.floats(0.005, 0.1))
def test_with_both_the_budget_comes_first(pace: Pace, budget: float, detect: float) -> None:
    forecast, alone = chosen(pace, budget, detect), chosen(pace, budget)
    assume(forecast is not None)
    assert forecast is not None and alone is not None
    assert forecast.measuring_s <= budget
    assert forecast.detectable <= max(detect, alone.detectable)


def pace_of(inference_s: float = 0.01, scatter: float = 0.02, **options: float) -> Pace:
    slot = SlotPace(inference_s, 3 * inference_s, scatter)
    given = {"block_scatter": 0.01, "warmup_s": 0.1, "start_s": 0.5, **options}
    return Pace({"fp32": {"a": slot, "b": slot}}, 1, **given)


def test_the_forecast_says_blocks_processes_time_and_what_will_be_detected() -> None:
    forecast = choose_size(pace_of(), 60.0, None)
    assert wording.forecast(forecast) == [
        f"{forecast.size.blocks} blocks in {forecast.size.processes} processes, "
        f"about {forecast.seconds:.0f} s: "
        f"overheads of {forecast.detectable * 100:.1f} % or more will be detected"
    ]
    assert 50 < forecast.seconds <= 60


def test_a_slow_model_is_refused_with_the_budget_it_needs() -> None:
    with pytest.raises(UsageError) as caught:
        choose_size(pace_of(2.0), 60.0, None)
    needed = float(caught.value.remedy.partition("--budget ")[2].partition("s")[0])
    assert choose_size(pace_of(2.0), needed, None).measuring_s <= needed


def test_more_scatter_asks_for_more_time() -> None:
    calm, wild = (choose_size(pace_of(block_scatter=s), None, 0.02) for s in (0.005, 0.05))
    assert wild.measuring_s > 5 * calm.measuring_s


def test_noisy_inferences_ask_for_longer_visits_and_noisy_blocks_for_more_of_them() -> None:
    inferences = choose_size(pace_of(scatter=0.3, block_scatter=0.001), 60.0, None).size
    blocks = choose_size(pace_of(scatter=0.001, block_scatter=0.05), 60.0, None).size
    assert inferences.visit_s > blocks.visit_s
    assert inferences.blocks < blocks.blocks


def test_a_visit_has_a_few_inferences_however_slow_they_are() -> None:
    slow = pace_of(0.5)
    size = choose_size(slow, 600.0, None).size
    least = size.blocks * 4 * (MIN_INFERENCES + 3) * 0.5
    assert measuring_s(slow, size) >= least


def test_what_is_detectable_is_that_of_the_noisiest_model() -> None:
    calm, wild = SlotPace(0.01, 0.03, 0.01), SlotPace(0.01, 0.03, 0.3)
    size = choose_size(pace_of(), 60.0, None).size
    found = [
        detectable(Pace({"g": dict(zip("abc", three, strict=True))}, 2, 0.01, 0.1, 0.5), size)
        for three in ((calm, calm, calm), (calm, calm, wild), (calm, wild, calm))
    ]
    assert found[0] < found[1] == found[2]
