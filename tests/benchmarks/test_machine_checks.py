"""Each check of the machine, on evidence that is small and made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from replay import QUIET

from edgebench.benchmarks.gate.check import failed
from edgebench.benchmarks.gate.machine_checks import EARLY, GATE, NOTES, before_the_run
from edgebench.benchmarks.gate.machine_state import Conditions
from edgebench.deploy.documents.result import MeasuredBlock, Visit

BLOCKS = 20
Fields = Callable[[int], dict[str, Any]]


def nothing(index: int) -> dict[str, Any]:
    return {}


def machine(
    slow: Sequence[float] = (1.0,) * BLOCKS,
    told: Fields = nothing,
    before: Fields = nothing,
    after: Fields = nothing,
    only: str = "",
    cores: tuple[int, ...] | None = None,
) -> Conditions:
    """A quiet machine of 4 cores but for what is said: how slow its blocks were, and readings.

    With `only` that slot alone was slow.
    """
    blocks = []
    for index, factor in enumerate(slow):
        start = replace(QUIET, unix_s=index * 2.0, own_s=index * 2.0, busy_s=index * 2.0)
        end = replace(start, unix_s=start.unix_s + 2, own_s=start.own_s + 2, busy_s=start.own_s + 2)
        visits = tuple(
            Visit(slot, 0.0, True, (1,), _times(factor if only in ("", slot) else 1.0, index, turn))
            for turn, slot in enumerate("abba")
        )
        start = replace(start, **{**told(index), **before(index)})
        end = replace(end, **{**told(index), **after(index)})
        blocks.append(MeasuredBlock(index, index // 2, "g", None, start, end, visits))
    return Conditions(tuple(blocks), 4, cores)


def _times(factor: float, index: int, turn: int) -> tuple[int, ...]:
    noise = np.random.default_rng((index, turn)).normal(0, 0.01, 9)
    return tuple(int(one) for one in 1e6 * factor * np.exp(noise))


def findings(conditions: Conditions) -> list[str]:
    return [one.check for one in failed(GATE, conditions)]


def reason(conditions: Conditions, name: str) -> str:
    return next(one.reason for one in failed((*GATE, *NOTES), conditions) if one.check == name)


def test_a_quiet_machine_fails_nothing() -> None:
    assert findings(machine()) == []
    assert failed(NOTES, machine()) == ()
    assert before_the_run(machine()) == ()


def test_a_machine_that_tells_nothing_fails_nothing() -> None:
    mute = machine(
        told=lambda _: {name: None for name in vars(QUIET) if name not in ("unix_s", "own_s")}
    )
    assert findings(mute) == []
    assert failed(NOTES, mute) == ()


def test_a_run_without_blocks_fails_nothing() -> None:
    assert findings(Conditions((), 4, None)) == []
    assert failed(NOTES, Conditions((), 4, None)) == ()


def late(value: object, usual: object) -> Callable[[int], object]:
    """`value` in the last quarter of the run."""
    return lambda index: value if index >= BLOCKS * 3 // 4 else usual


@pytest.mark.parametrize(
    ("told", "check", "says"),
    [
        (lambda i: {"throttled": late(True, False)(i)}, "throttled", "throttled, 25 % of the time"),
        (lambda i: {"thermal_status": late(3, 0)(i)}, "thermal status", "went to 3 of 6"),
        (
            lambda i: {"frequencies_khz": {"cpu0": late(1_500_000, 2_400_000)(i)}},
            "frequency",
            "2.40 GHz, but 1.50 GHz at times, and low in 25 % of the blocks",
        ),
        (
            lambda i: {"governors": late(("powersave",), ("performance",))(i)},
            "governor",
            "changed on the way (performance, powersave)",
        ),
        (lambda i: {"charging": late(True, False)(i)}, "power", "plugged in or out"),
        (lambda i: {"running": late(9, 1)(i)}, "run queue", "the machine's 4 cores"),
        (lambda i: {"probe_ns": (late(50_000, 40_000)(i),) * 5}, "probe", "25 % of the time"),
    ],
)
def test_what_a_machine_tells_of_itself_takes_the_verdict_away(
    told: Fields, check: str, says: str
) -> None:
    conditions = machine(told=told if check != "run queue" else lambda i: {"running": 9})
    assert findings(conditions) == [check]
    assert says in reason(conditions, check)


@pytest.mark.parametrize(
    "told",
    [
        lambda i: {"throttled": False},
        lambda i: {"thermal_status": 1},
        lambda i: {"frequencies_khz": {"cpu0": 2_400_000 - 100_000 * (i % 2)}},
        lambda i: {"frequencies_khz": {"cpu0": 2_400_000, "cpu1": 600_000 + 90_000 * i}},
        lambda i: {"charging": True},
        lambda i: {"running": 4},
        lambda i: {"probe_ns": (40_000 + 1000 * (i % 4), 400_000, 41_000)},
    ],
)
def test_what_is_usual_fails_nothing(told: Fields) -> None:
    assert findings(machine(told=told)) == []


def test_time_in_each_state_says_more_than_one_reading_of_the_frequency() -> None:
    def states(index: int, end: int) -> dict[str, Any]:
        fast = 2.0 * min(index + end, BLOCKS // 2)
        slow = 2.0 * (index + end) - fast
        return {
            "frequencies_khz": {"cpu0": 2_400_000},
            "time_in_state_s": {"cpu0": {"2400000": fast, "1200000": slow}},
        }

    conditions = machine(before=lambda i: states(i, 0), after=lambda i: states(i, 1))
    assert conditions.frequencies_khz() == pytest.approx([2.4e6] * 10 + [1.2e6] * 10)
    assert findings(conditions) == ["frequency"]


def test_a_core_that_was_not_asked_for_is_named() -> None:
    conditions = machine(told=lambda i: {"core": late(3, 0)(i)}, cores=(0, 1))
    assert findings(conditions) == ["wrong core"]
    assert "ran on core 3" in reason(conditions, "wrong core")
    assert findings(machine(told=lambda i: {"core": late(1, 0)(i)}, cores=(0, 1))) == []


def test_cores_of_different_speed_are_told_from_a_change_with_time() -> None:
    slow = [1.35 if index % 3 == 0 else 1.0 for index in range(BLOCKS)]
    moved = machine(slow, told=lambda i: {"core": 2 if i % 3 == 0 else 0})
    assert findings(moved) == ["unequal cores", "speed"]
    assert "what core 0 does takes core 2 35 % longer" in reason(moved, "unequal cores")
    elsewhere = machine(slow, told=lambda i: {"core": i % 2})
    assert findings(elsewhere) == ["speed"]


def test_a_runner_without_a_core_of_its_own_says_how_little_it_had() -> None:
    conditions = machine(after=lambda i: {"own_s": i * 2.0 + 1.2})
    assert findings(conditions) == ["own core"]
    assert "a core for only 60 % of the time" in reason(conditions, "own core")


def test_time_that_the_hypervisor_took_is_a_share_of_all_cores() -> None:
    taken = machine(before=lambda i: {"steal_s": i * 1.0}, after=lambda i: {"steal_s": i + 1.0})
    assert "took 12 % of" in reason(taken, "steal")
    little = machine(before=lambda i: {"steal_s": i * 0.1}, after=lambda i: {"steal_s": i * 0.1})
    assert findings(little) == []


@given(st.integers(2, 18), st.sampled_from([1.25, 1.6, 0.7]))
def test_a_change_of_speed_shows_however_long_each_speed_lasts(part: int, factor: float) -> None:
    changed = machine([factor] * part + [1.0] * (BLOCKS - part))
    assert findings(changed) == ["speed"]


@given(st.floats(0.95, 1.05))
def test_a_slow_drift_is_only_noted(end: float) -> None:
    conditions = machine(list(np.geomspace(1.0, end, BLOCKS)))
    assert findings(conditions) == []
    expected = {"drift"} if abs(end - 1) > 0.048 else set()
    assert expected <= {one.check for one in failed(NOTES, conditions)} <= {"drift"}


def test_one_slow_block_among_many_fails_nothing() -> None:
    assert findings(machine([1.0] * 30 + [1.8] + [1.0] * 9)) == []


def test_a_model_that_changes_of_its_own_accord_is_not_the_machine() -> None:
    slow = [1.0] * 10 + [1.4] * 10
    assert findings(machine(slow, only="a")) == []
    assert findings(machine(slow)) == ["speed"]


def test_times_that_scatter_evenly_are_no_change_of_speed() -> None:
    chance = np.random.default_rng(0)
    blocks = []
    for block in machine().blocks:
        visits = tuple(
            replace(
                v, samples_ns=tuple((1e6 * np.exp(chance.normal(0, 0.3, 5))).astype(int).tolist())
            )
            for v in block.visits
        )
        blocks.append(replace(block, visits=visits))
    assert findings(Conditions(tuple(blocks), 4, None)) == []


@pytest.mark.parametrize(
    ("told", "check", "says"),
    [
        (lambda i: {"battery_percent": 12.0}, "battery", "at 12 %"),
        (lambda i: {"temperatures_c": {"a": 40.0, "soc": 91.0}}, "temperature", "went to 91 °C"),
    ],
)
def test_what_may_matter_is_noted(told: Fields, check: str, says: str) -> None:
    conditions = machine(told=told)
    assert findings(conditions) == []
    assert says in reason(conditions, check)


def test_busy_neighbours_are_noted_even_where_they_leave_us_a_core() -> None:
    busy = machine(after=lambda i: {"busy_s": i * 2.0 + 5.0})
    assert "kept 38 % of the processor busy" in reason(busy, "neighbours")


def test_a_pilot_warns_of_what_it_can_tell_and_says_what_to_do() -> None:
    (warning,) = before_the_run(machine(after=lambda i: {"own_s": i * 2.0 + 1.2}))
    assert warning.startswith("there may be no verdict: others were so busy")
    assert "close other programs" in warning
    assert before_the_run(machine([1.0, 1.4] * 10)) == ()


def test_every_check_has_a_name_of_its_own_a_reason_and_a_remedy() -> None:
    checks = (*GATE, *NOTES)
    assert len({one.name for one in checks}) == len(checks)
    assert all(one.find.__doc__ and one.remedy and one.threshold > 0 for one in checks)
    assert set(EARLY) < set(GATE)
