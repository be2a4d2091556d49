"""Verdicts read against the noise floor of their device."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from edgebench.benchmarks.gate.noise_floor import STALE_DAYS, NoiseFloor, warning
from edgebench.benchmarks.gate.run_checks import Evidence, notes_beside
from edgebench.benchmarks.gate.verdict import Verdict, judge
from edgebench.benchmarks.planning.design import Family, draft_plan, lay_out
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sizing import GroupSize, Size
from edgebench.benchmarks.proof.trial import artifact
from edgebench.benchmarks.report import verdicts, wording
from edgebench.benchmarks.results.comparison import ModelRow
from edgebench.benchmarks.statistics.levels import PairedTimes, paired_times, timed_block
from edgebench.benchmarks.statistics.paired import Overhead, overhead
from edgebench.deploy.documents.plan import TurnLength
from edgebench.deploy.documents.result import EvaluationResult
from edgebench.deploy.transports.simulated.device import SimulatedDevice
from edgebench.intervals import Interval

FLOOR = NoiseFloor("board", "2026-11-01", Interval(-0.012, 0.008), "tflite", "fp32")
NOISY = NoiseFloor("board", "2026-11-01", Interval(-0.01, 0.09), "tflite", "fp32")


@pytest.fixture(scope="module")
def processes() -> tuple[PairedTimes, ...]:
    """Twelve processes of a machine in order."""
    family = Family("group", artifact("baseline"), (artifact("model"),))
    draft = draft_plan("run", [family], RunRequest("simulated"))
    size = Size(12, 12, {"group": GroupSize(TurnLength(3, 2, 1), 1, 2, False)})
    blocks = SimulatedDevice().simulate(lay_out(draft, size, 0.2)).blocks
    baseline, model = draft.groups[0].slots
    return tuple(paired_times([timed_block(one, True) for one in blocks], model, baseline))


def evidence(processes: tuple[PairedTimes, ...], found: Overhead) -> Evidence:
    return Evidence(
        model="model",
        slot="model.fp32.tflite",
        threshold=0.05,
        overhead=found,
        processes=processes,
        needed_processes=6,
        evaluation=EvaluationResult(None),
        baseline_evaluation=EvaluationResult(None),
        delegate="none",
        core_count=4,
        cores=None,
        against_itself=False,
        steady_share=1.0,
    )


def sentence(asked: Evidence, found: Verdict) -> str:
    """The verdict as a report shows it."""
    nothing = dict.fromkeys((field.name for field in fields(ModelRow)), None)
    given = {"verdict": found, "overhead": asked.overhead, "model": asked.model}
    return verdicts.verdict(ModelRow(**{**nothing, **given}), asked.threshold)  # type: ignore[arg-type]


def around(value: float, scatter: float = 0.001) -> Overhead:
    return overhead(np.log1p(value) + scatter * np.linspace(-1, 1, 12))


def test_an_overhead_below_the_floor_is_said_to_be_noise(
    processes: tuple[PairedTimes, ...],
) -> None:
    asked = evidence(processes, around(0.01))
    found = judge(asked, FLOOR)
    assert found.outcome == "supported" and found.noise == FLOOR.reach
    assert "no more than the noise floor (1.2 %)" in sentence(asked, found)
    assert "costs" not in sentence(asked, found)


def test_an_overhead_above_the_floor_is_judged_as_without_it(
    processes: tuple[PairedTimes, ...],
) -> None:
    for value in (0.03, 0.2):
        asked = evidence(processes, around(value))
        assert judge(asked, FLOOR).outcome == judge(asked).outcome
        assert sentence(asked, judge(asked, FLOOR)) == sentence(asked, judge(asked))


def test_an_overhead_below_the_floor_refutes_nothing(processes: tuple[PairedTimes, ...]) -> None:
    asked = evidence(processes, around(0.08))
    assert judge(asked).outcome == "refuted"
    assert judge(asked, NOISY).outcome == "undecided"
    assert "no more than the noise floor" in sentence(asked, judge(asked, NOISY))


def test_a_missing_or_stale_floor_is_said_with_what_to_do() -> None:
    assert warning(FLOOR, "board", "2026-11-21") is None
    missing, stale = (warning(one, "board", "2027-01-01") for one in (None, FLOOR))
    assert missing is not None and stale is not None
    assert stale.values["age_days"] == 61 > STALE_DAYS
    for one in (missing, stale):
        assert wording.remedy(one).endswith("edgebench noise --device board")


def test_summaries_that_disagree_on_who_is_faster_are_noted(
    processes: tuple[PairedTimes, ...],
) -> None:
    faster = np.log1p(-0.05) + 0.001 * np.linspace(-1, 1, 12)
    found = overhead(faster, others={"p90": -faster, "mean": faster, "min": faster})
    notes = {one.id: one for one in notes_beside(evidence(processes, found))}
    assert notes["summaries_disagree"].values["against"] == ("p90",)
    agreeing = overhead(faster, others={"p90": faster, "mean": faster, "min": faster})
    notes = {one.id: one for one in notes_beside(evidence(processes, agreeing))}
    assert "summaries_disagree" not in notes
