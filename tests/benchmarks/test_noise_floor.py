"""Verdicts read against the noise floor of their device."""

from __future__ import annotations

import numpy as np
import pytest

from edgebench.benchmarks.gate.noise_floor import STALE_DAYS, NoiseFloor, caution
from edgebench.benchmarks.gate.run_checks import Evidence, remarks
from edgebench.benchmarks.gate.verdict import judge
from edgebench.benchmarks.planning.design import Family, draft_plan, lay_out
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sizing import Size
from edgebench.benchmarks.proof.trial import artifact
from edgebench.benchmarks.statistics.paired import Overhead, overhead
from edgebench.deploy.documents.result import EvaluationResult, MeasuredBlock
from edgebench.deploy.transports.simulated.device import SimulatedDevice
from edgebench.intervals import Interval

FLOOR = NoiseFloor("board", "2026-11-01", Interval(-0.012, 0.008), "tflite", "fp32")
NOISY = NoiseFloor("board", "2026-11-01", Interval(-0.01, 0.09), "tflite", "fp32")


@pytest.fixture(scope="module")
def blocks() -> tuple[MeasuredBlock, ...]:
    """Twelve blocks of a machine in order."""
    family = Family("group", artifact("baseline"), (artifact("model"),))
    draft = draft_plan("run", [family], RunRequest("simulated"))
    return SimulatedDevice().simulate(lay_out(draft, Size(12, 12, 0.1), 0.2)).blocks


def evidence(blocks: tuple[MeasuredBlock, ...], found: Overhead) -> Evidence:
    return Evidence(
        model="model",
        slot="model.fp32.tflite",
        threshold=0.05,
        overhead=found,
        blocks=blocks,
        evaluation=EvaluationResult(None),
        baseline_evaluation=EvaluationResult(None),
        delegate="none",
        core_count=4,
        cores=None,
        madds_overhead=None,
        against_itself=False,
        comparisons=1,
        steady_share=1.0,
    )


def around(value: float, scatter: float = 0.001) -> Overhead:
    return overhead(np.log1p(value) + scatter * np.linspace(-1, 1, 12))


def test_an_overhead_below_the_floor_is_said_to_be_noise(blocks: tuple[MeasuredBlock, ...]) -> None:
    found = judge(evidence(blocks, around(0.01)), FLOOR)
    assert found.outcome == "supported"
    assert "no more than noise does (1.2 %)" in found.sentence
    assert "costs" not in found.sentence


def test_an_overhead_above_the_floor_is_judged_as_without_it(
    blocks: tuple[MeasuredBlock, ...],
) -> None:
    for value in (0.03, 0.2):
        asked = evidence(blocks, around(value))
        assert judge(asked, FLOOR) == judge(asked)


def test_an_overhead_below_the_floor_refutes_nothing(blocks: tuple[MeasuredBlock, ...]) -> None:
    asked = evidence(blocks, around(0.08))
    assert judge(asked).outcome == "refuted"
    assert judge(asked, NOISY).outcome == "undecided"
    assert "no more than noise does" in judge(asked, NOISY).sentence


def test_a_missing_or_stale_floor_is_said_with_what_to_do() -> None:
    assert caution(FLOOR, "board", "2026-11-21") is None
    for said in (caution(None, "board", "2026-11-21"), caution(FLOOR, "board", "2027-01-01")):
        assert said is not None and said.endswith("edgebench noise --device board")
    assert "61 days old" in (caution(FLOOR, "board", "2027-01-01") or "")
    assert STALE_DAYS < 61


def test_summaries_that_disagree_on_who_is_faster_are_noted(
    blocks: tuple[MeasuredBlock, ...],
) -> None:
    faster = np.log1p(-0.05) + 0.001 * np.linspace(-1, 1, 12)
    found = overhead(faster, beside={"p90": -faster, "mean": faster, "min": faster})
    (note,) = (one.reason for one in remarks(evidence(blocks, found)) if one.check == "summaries")
    assert note.startswith("summaries disagree on who is faster: median -5.0 %, p90 +5.3 % [")
    agreeing = overhead(faster, beside={"p90": faster, "mean": faster, "min": faster})
    assert not any(one.check == "summaries" for one in remarks(evidence(blocks, agreeing)))
