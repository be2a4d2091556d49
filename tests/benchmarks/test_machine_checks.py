"""Each check of the machine, on evidence that is small and made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import BLOCKS, Fields, late, machine
from replay import QUIET

from edgebench.benchmarks.gate.check import failed
from edgebench.benchmarks.gate.machine_checks import GATE, NOTES, before_the_run
from edgebench.benchmarks.gate.machine_state import MachineState
from edgebench.benchmarks.report import wording


def findings(state: MachineState) -> list[str]:
    """All that is found, but what is only worth a note on a machine in order."""
    found = [one.id for one in failed((*GATE, *NOTES), state)]
    return [one for one in found if one not in ("drift", "busy_neighbours", "low_battery", "hot")]


def withheld(state: MachineState) -> list[str]:
    return [one.id for one in failed(GATE, state)]


def reason(state: MachineState, name: str) -> str:
    found = next(one for one in failed((*GATE, *NOTES), state) if one.id == name)
    return wording.sentence(found)


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
    assert findings(MachineState((), 4, None)) == []
    assert failed(NOTES, MachineState((), 4, None)) == ()


@pytest.mark.parametrize(
    ("told", "check", "says"),
    [
        (
            lambda i: {"throttled": late(True, False)(i)},
            "throttled",
            "throttled for 25 % of the time",
        ),
        (
            lambda i: {"thermal_status": late(3, 0)(i)},
            "thermal_status",
            "thermal status reached 3 of 6",
        ),
        (
            lambda i: {"frequencies_khz": {"cpu0": late(1_500_000, 2_400_000)(i)}},
            "frequency_changed",
            "usually 2.40 GHz, but went down to 1.50 GHz and was low in 25 % of the blocks",
        ),
        (
            lambda i: {"governors": late(("powersave",), ("performance",))(i)},
            "governor_changed",
            "changed during the run (performance, powersave)",
        ),
        (
            lambda i: {"charging": late(True, False)(i)},
            "charger_changed",
            "connected or disconnected",
        ),
        (lambda i: {"running": late(9, 1)(i)}, "long_run_queue", "than there are cores (4)"),
        (
            lambda i: {"probe_ns": (late(50_000, 40_000)(i),) * 5},
            "probe_time_changed",
            "in 25 % of the readings",
        ),
    ],
)
def test_what_a_machine_tells_of_itself_is_found(told: Fields, check: str, says: str) -> None:
    state = machine(told=told if check != "long_run_queue" else lambda i: {"running": 9})
    assert findings(state) == [check]
    assert says in reason(state, check)
    # Only what costs the heavier model more takes the verdict away.
    assert bool(withheld(state)) == (check in ("throttled", "thermal_status"))


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

    state = machine(before=lambda i: states(i, 0), after=lambda i: states(i, 1))
    assert state.frequencies_khz() == pytest.approx([2.4e6] * 10 + [1.2e6] * 10)
    assert findings(state) == ["frequency_changed"]


def test_a_core_that_was_not_asked_for_is_named() -> None:
    state = machine(told=lambda i: {"core": late(3, 0)(i)}, cores=(0, 1))
    assert findings(state) == ["wrong_core"]
    assert "ran on core 3" in reason(state, "wrong_core")
    assert findings(machine(told=lambda i: {"core": late(1, 0)(i)}, cores=(0, 1))) == []


def test_cores_of_different_speed_are_told_from_a_change_with_time() -> None:
    slow = [1.35 if index % 3 == 0 else 1.0 for index in range(BLOCKS)]
    moved = machine(slow, told=lambda i: {"core": 2 if i % 3 == 0 else 0})
    assert findings(moved) == ["unequal_cores", "speed_changed"]
    assert "core 2 takes 35 % longer than core 0" in reason(moved, "unequal_cores")
    elsewhere = machine(slow, told=lambda i: {"core": i % 2})
    assert findings(elsewhere) == ["speed_changed"]


def test_a_runner_without_a_core_of_its_own_says_how_little_it_had() -> None:
    state = machine(after=lambda i: {"own_s": i * 2.0 + 1.2})
    assert findings(state) == ["no_core_of_its_own"]
    assert "a core for only 60 % of the time" in reason(state, "no_core_of_its_own")


def test_time_that_the_hypervisor_took_is_a_share_of_all_cores() -> None:
    taken = machine(before=lambda i: {"steal_s": i * 1.0}, after=lambda i: {"steal_s": i + 1.0})
    assert "gave 12 % of the CPU time to" in reason(taken, "stolen_time")
    little = machine(before=lambda i: {"steal_s": i * 0.1}, after=lambda i: {"steal_s": i * 0.1})
    assert findings(little) == []


@given(st.integers(2, 18), st.sampled_from([1.25, 1.6, 0.7]))
def test_a_change_of_speed_shows_however_long_each_speed_lasts(part: int, factor: float) -> None:
    changed = machine([factor] * part + [1.0] * (BLOCKS - part))
    assert findings(changed) == ["speed_changed"]


@given(st.floats(0.95, 1.05))
def test_a_slow_drift_is_only_noted(end: float) -> None:
    state = machine(list(np.geomspace(1.0, end, BLOCKS)))
    assert findings(state) == []
    expected = {"drift"} if abs(end - 1) > 0.048 else set()
    assert expected <= {one.id for one in failed(NOTES, state)} <= {"drift"}


def test_one_slow_block_among_many_fails_nothing() -> None:
    assert findings(machine([1.0] * 30 + [1.8] + [1.0] * 9)) == []


def test_a_model_that_changes_of_its_own_accord_is_not_the_machine() -> None:
    slow = [1.0] * 10 + [1.4] * 10
    assert findings(machine(slow, only="a")) == []
    assert findings(machine(slow)) == ["speed_changed"]


def test_times_that_scatter_evenly_are_no_change_of_speed() -> None:
    chance = np.random.default_rng(0)
    blocks = []
    for block in machine().blocks:
        turns = tuple(
            replace(
                v, samples_ns=tuple((1e6 * np.exp(chance.normal(0, 0.3, 5))).astype(int).tolist())
            )
            for v in block.turns
        )
        blocks.append(replace(block, turns=turns))
    assert findings(MachineState(tuple(blocks), 4, None)) == []


@pytest.mark.parametrize(
    ("told", "check", "says"),
    [
        (lambda i: {"battery_percent": 12.0}, "low_battery", "at 12 %"),
        (lambda i: {"temperatures_c": {"a": 40.0, "soc": 91.0}}, "hot", "reached 91 °C"),
    ],
)
def test_what_may_matter_is_noted(told: Fields, check: str, says: str) -> None:
    state = machine(told=told)
    assert findings(state) == []
    assert says in reason(state, check)


def test_busy_neighbours_are_noted_even_where_they_leave_us_a_core() -> None:
    busy = machine(after=lambda i: {"busy_s": i * 2.0 + 5.0})
    assert "used 38 % of the CPU" in reason(busy, "busy_neighbours")


def test_a_pilot_warns_of_what_it_can_tell() -> None:
    (warning,) = before_the_run(machine(told=lambda i: {"throttled": True}))
    assert warning.id == "throttled"
    assert before_the_run(machine([1.0, 1.4] * 10)) == ()


def test_every_check_has_a_name_of_its_own_and_a_threshold() -> None:
    checks = (*GATE, *NOTES)
    assert len({one.id for one in checks}) == len(checks)
    assert all(one.find.__doc__ and one.threshold > 0 for one in checks)
