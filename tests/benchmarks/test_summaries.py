"""Visits of which a tool tells one figure alone are judged for what they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from replay import QUIET

from edgebench.benchmarks.planning.pilot import pace
from edgebench.benchmarks.planning.sizing import SlotPace
from edgebench.benchmarks.statistics.levels import timed_block
from edgebench.deploy.documents.plan import Group, Plan, VisitLength, Warmup
from edgebench.deploy.documents.result import (
    Context,
    EvaluationResult,
    MeasuredBlock,
    RunResult,
    SampleSummary,
    Visit,
)

INFERENCES = 50
TIME_NS = 2_000_000


def visit(slot: str, steady: bool = True, time_ns: int = TIME_NS) -> Visit:
    return Visit(slot, 0.0, steady, (9_000_000,), (time_ns,), SampleSummary("median", INFERENCES))


def block(index: int, start_s: float = 1.0, **changes: bool) -> MeasuredBlock:
    """A block of four visits, each of which takes `start_s` to start beside its inferences."""
    visits = tuple(visit(slot, **changes) for slot in "abba")
    took = sum(start_s + INFERENCES * TIME_NS / 1e9 for _ in visits)
    before = replace(QUIET, unix_s=index * 100.0)
    after = replace(QUIET, unix_s=index * 100.0 + took)
    return MeasuredBlock(index, index, "g", None, before, after, visits)


def test_a_visit_is_steady_if_its_runner_says_so() -> None:
    assert timed_block(block(0)).slots["a"].steady == (True, True)
    assert timed_block(block(0, steady=False)).slots["a"].steady == (False, False)


def test_its_level_is_the_figure_and_the_figure_is_marked() -> None:
    times = timed_block(block(0)).slots["a"]
    np.testing.assert_allclose(np.exp(times.log_levels), TIME_NS)
    assert times.summaries == (SampleSummary("median", INFERENCES),) * 2


@pytest.fixture
def piloted() -> Callable[[float], SlotPace]:
    """What a pilot makes of visits that take so long to start."""

    def make(start_s: float) -> SlotPace:
        plan = Plan(
            id="p", seed=0, threads=1, cores=None, delegate="xnnpack", artifacts={},
            groups=(Group("g", "a", ("a", "b")),), processes=2, blocks=(),
            warmup=Warmup(3, 0.05, 0.2), visit=VisitLength(0.1, 3),
        )  # fmt: skip
        context = Context({}, None, None, "Android", "", "", None, 8, None, 1, "xnnpack")
        result = RunResult(
            plan_sha256="", started="2026-01-01T00:00:00+00:00",
            updated="2026-01-01T00:01:00+00:00", complete=True, context=context,
            evaluations={slot: EvaluationResult(None, load_s=0.1) for slot in "ab"},
            blocks=(block(0, start_s), block(1, start_s)),
        )  # fmt: skip
        return pace(plan, result).groups["g"]["a"]

    return make


def test_starting_a_process_for_every_visit_counts_against_the_budget(
    piloted: Callable[[float], SlotPace],
) -> None:
    quick, slow = piloted(0.5), piloted(2.5)
    assert slow.visit_s(0.1) - quick.visit_s(0.1) == pytest.approx(2.0)
    assert slow.visit_s(0.1) == pytest.approx(2.5 + 0.1)
