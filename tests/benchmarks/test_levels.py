"""From turns to a process's log ratio."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from replay import CONTEXT

from edgebench.benchmarks.statistics.levels import (
    TimedBlock,
    block_log_ratio,
    counts_own_time,
    paired_times,
    timed_block,
    weights,
)
from edgebench.deploy.documents.result import MeasuredBlock, Turn


def block(*turns: Turn, index: int = 0, process: int = 0) -> MeasuredBlock:
    return MeasuredBlock(index, process, "g", None, None, None, (), turns)


def turn(
    slot: str, *samples: int, dropped: tuple[int, ...] = (), cpu: tuple[int, ...] | None = None
) -> Turn:
    return Turn(slot, dropped, samples, cpu)


def test_the_nth_sample_is_compared_with_the_nth() -> None:
    timed = timed_block(
        block(turn("a", 100), turn("b", 110), turn("b", 440), turn("a", 400)), False
    )
    (found,) = paired_times([timed], "b", "a")
    assert found.log_ratios == pytest.approx(np.log([1.1, 1.1]))
    assert found.level == pytest.approx(np.log(1.1))
    assert found.difference_s == pytest.approx(25e-9)


def test_what_others_took_of_the_core_is_left_out_on_one_thread() -> None:
    turns = (
        turn("a", 100, 900, cpu=(100, 100)),
        turn("b", 110, 110, cpu=(110, 110)),
    )
    assert counts_own_time(CONTEXT)
    timed = timed_block(block(*turns), True)
    assert paired_times([timed], "b", "a")[0].level == pytest.approx(np.log(1.1))
    assert timed.slots["a"].wall_ns.tolist() == [100, 900]
    assert timed.slots["a"].own_ns.tolist() == [100, 100]
    # With several threads, or another processor, the CPU's time is another thing than the wait.
    assert not counts_own_time(replace(CONTEXT, threads=2))
    assert not counts_own_time(replace(CONTEXT, delegate="gpu"))
    assert timed_block(block(*turns), False).slots["a"].own_ns.tolist() == [100, 900]


def test_cpu_time_of_more_threads_than_one_never_makes_a_model_slower() -> None:
    timed = timed_block(block(turn("a", 100, cpu=(190,))), True)
    assert timed.slots["a"].own_ns.tolist() == [100]


def test_a_device_that_does_not_know_cpu_time_is_compared_by_wall_time() -> None:
    timed = timed_block(block(turn("a", 100, cpu=(50,)), turn("a", 200)), True)
    assert timed.slots["a"].own_ns.tolist() == [100, 200]


def test_the_first_sample_after_another_model_is_told_apart() -> None:
    turns = [
        turn("a", 100, dropped=(150, 101)),
        turn("a", 100, dropped=(102, 101)),
        turn("b", 110, dropped=(220, 111)),
    ]
    timed = timed_block(block(*turns), False)
    assert timed.slots["a"].first_ns.tolist() == [150]
    assert timed.slots["b"].first_ns.tolist() == [220]
    (found,) = paired_times([timed], "b", "a")
    assert found.after_another == pytest.approx(np.log(220 / 150))


def test_a_turn_after_anothers_is_compared_with_the_models_own_after_it() -> None:
    times = (100, 90, 150, 120, 110, 132, 131, 130, 105)
    turns = [turn(slot, time) for slot, time in zip("aabbabbba", times, strict=True)]
    (found,) = paired_times([timed_block(block(*turns), False)], "b", "a")
    ((model, baseline),) = found.settling
    assert model == pytest.approx(np.log([150 / 120, 132 / 131]))
    assert baseline == pytest.approx(np.log([100 / 90]))
    ((after_another, after_own),) = found.followers
    assert after_another == pytest.approx(np.log([150 / 100, 132 / 110]))
    assert after_own == pytest.approx(np.log([120 / 90]))


def test_disturbed_processes_have_less_weight() -> None:
    """Whichever model the disturbance hits, and little where it is known from few samples."""

    def process(number: int, samples: int, *slow: str) -> TimedBlock:
        times = np.round(1e6 * np.exp(0.02 * np.linspace(-1, 1, samples))).astype(int)
        one = {slot: times.copy() for slot in "ab"}
        for slot in slow:
            one[slot][: samples // 2] *= 2
        turns = (turn(slot, *of.tolist()) for slot, of in one.items())
        return timed_block(block(*turns, index=number, process=number), False)

    def of(samples: int) -> list[float]:
        disturbed = [process(0, samples, "a", "b"), process(1, samples, "a"), process(2, samples)]
        calm = [process(number, samples) for number in range(3, 9)]
        return weights(paired_times([*disturbed, *calm], "b", "a")).tolist()

    both, either, calm, *others = of(20)
    assert both < calm / 50 and others == pytest.approx([calm] * 6)
    assert both <= either < calm
    assert 3 * both < of(2)[0] < calm


def test_a_calm_block_says_more_of_its_process_than_disturbed_ones() -> None:
    chance = np.random.default_rng(2)

    def of(number: int, ratio: float, scatter: float) -> TimedBlock:
        logs = chance.normal([[0.0], [math.log(ratio)]], scatter, (2, 40))
        one, other = np.round(1e6 * np.exp(logs)).astype(int)
        return timed_block(block(turn("a", *one), turn("b", *other), index=number), False)

    blocks = [of(0, 1.1, 0.005), of(1, 2.0, 0.3), of(2, 2.0, 0.3)]
    (found,) = paired_times(blocks, "b", "a")
    assert found.level == pytest.approx(math.log(1.1), abs=0.005)
    assert np.median(found.log_ratios) > math.log(1.12)


def test_processes_are_kept_apart() -> None:
    blocks = [
        timed_block(block(turn("a", 100), turn("b", 110), index=0, process=0), False),
        timed_block(block(turn("a", 100), turn("b", 130), index=1, process=1), False),
        timed_block(block(turn("a", 100), index=2, process=2), False),
    ]
    found = paired_times(blocks, "b", "a")
    assert [one.process for one in found] == [0, 1]
    assert [one.level for one in found] == pytest.approx(np.log([1.1, 1.3]))
    assert block_log_ratio(blocks[1], "b", "a") == pytest.approx(np.log(1.3))
