"""Turns of which a tool tells one figure alone are judged for what they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from replay import CONTEXT, QUIET

from edgebench.benchmarks.planning.pace import GroupPace
from edgebench.benchmarks.planning.pilot import pace
from edgebench.benchmarks.statistics.levels import timed_block
from edgebench.deploy.documents.plan import Group, Plan, TurnLength, Warmup
from edgebench.deploy.documents.result import (
    EvaluationResult,
    MeasuredBlock,
    RunResult,
    SampleSummary,
    Turn,
    WarmedUp,
)

INFERENCES = 50
TIME_NS = 2_000_000


def block(index: int, start_s: float = 1.0) -> MeasuredBlock:
    """A block of four turns, each of which takes `start_s` to start beside its inferences."""
    summary = SampleSummary("median", INFERENCES)
    turns = tuple(Turn(slot, (), (TIME_NS,), None, summary) for slot in "abba")
    warmups = tuple(WarmedUp(slot, True, (9_000_000,)) for slot in "abba")
    took = sum(start_s + INFERENCES * TIME_NS / 1e9 for _ in turns)
    before = replace(QUIET, unix_s=index * 100.0)
    after = replace(QUIET, unix_s=index * 100.0 + took)
    return MeasuredBlock(index, index, "g", None, before, after, warmups, turns)


def test_its_level_is_the_figure_and_the_figure_is_marked() -> None:
    times = timed_block(block(0), True).slots["a"]
    assert times.own_ns.tolist() == times.wall_ns.tolist() == [TIME_NS, TIME_NS]
    assert times.summaries == (SampleSummary("median", INFERENCES),) * 2
    assert times.first_ns.size == 0


@pytest.fixture
def piloted() -> Callable[[float], GroupPace]:
    """What a pilot makes of turns that take so long to start."""

    def make(start_s: float) -> GroupPace:
        plan = Plan(
            id="p", seed=0, threads=1, cores=None, delegate="xnnpack", artifacts={},
            groups=(Group("g", "a", ("a", "b"), TurnLength(3, 1, 1)),), processes=2, first_look=2,
            blocks=(), warmup=Warmup(3, 0.05, 0.2),
        )  # fmt: skip
        result = RunResult(
            plan_sha256="", started="2026-01-01T00:00:00+00:00",
            updated="2026-01-01T00:01:00+00:00", complete=True, context=CONTEXT,
            evaluations={slot: EvaluationResult(None, load_s=0.1) for slot in "ab"},
            blocks=(block(0, start_s), block(1, start_s)),
        )  # fmt: skip
        return pace(plan, result).groups["g"]

    return make


def test_starting_a_process_for_every_turn_counts_against_the_budget(
    piloted: Callable[[float], GroupPace],
) -> None:
    quick, slow = piloted(0.5), piloted(2.5)
    assert slow.start_s == pytest.approx(2.5)
    assert slow.round_s - quick.round_s == pytest.approx(2.0 * 4)
    assert slow.inference_s == {"a": TIME_NS / 1e9, "b": TIME_NS / 1e9}
