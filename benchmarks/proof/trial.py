"""One simulated run through the product's own path: draft, pilot, plan, measure, stop, judge."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from pathlib import Path

from edgebench.benchmarks.planning.design import AGAIN, Family, draft_plan, lay_out
from edgebench.benchmarks.planning.pilot import limit_s, measured_s, pace, pilot_plan
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sizing import choose_size
from edgebench.benchmarks.results.compare import compare, decided, judgements
from edgebench.benchmarks.results.comparison import ModelRow
from edgebench.benchmarks.results.measured import MeasuredRun
from edgebench.converters.artifact import Artifact, Manifest, file_name
from edgebench.deploy.documents.result import MeasuredBlock, RunResult
from edgebench.deploy.transports.simulated.device import SimulatedDevice
from edgebench.deploy.transports.simulated.scenarios import (
    RANDOM,
    SCENARIOS,
    Scenario,
    random_scenario,
)
from edgebench.intervals import Interval

OVERHEAD = 0.03
"""The overhead of the model that has to be found."""

LATENCY_S = 0.02
THRESHOLD = 0.05
BASELINE = "baseline"


WRONG = 0.5
"""An estimate further from the truth than this share of the threshold must not give a verdict."""


@dataclass(frozen=True)
class Answer:
    """The result of one method for one comparison whose truth is known.

    `withheld` says that there is no verdict. `value` is the estimate, None for a method without.
    """

    truth: float
    interval: Interval | None
    withheld: bool = False
    value: float | None = None

    @property
    def covers(self) -> bool:
        """Whether the interval holds the truth."""
        return self.interval is not None and self.interval.low <= self.truth <= self.interval.high

    @property
    def finds_slower(self) -> bool:
        """Whether it reports an overhead."""
        return self.interval is not None and not self.withheld and self.interval.low > 0

    @property
    def finds_any(self) -> bool:
        """Whether it reports a difference, in either direction."""
        if self.interval is None or self.withheld:
            return False
        return not self.interval.low <= 0 <= self.interval.high

    @property
    def biased(self) -> bool:
        """Whether the estimate is off by more than half of the threshold."""
        return self.value is not None and abs(self.value - self.truth) > WRONG * THRESHOLD


@dataclass(frozen=True)
class SimulatedTrial:
    """One run: the baseline against itself, and models against it; and how long it took."""

    itself: Answer
    models: tuple[Answer, ...]
    seconds: float | None = None


def run(
    scenario: str,
    seed: int,
    budget_s: float,
    overheads: tuple[float, ...],
    whole_budget: bool = False,
) -> SimulatedTrial:
    """The results of a simulated run of models with these overheads."""
    measured, seconds = simulate(scenario, seed, budget_s, overheads, whole_budget)
    baseline, *others = compare(measured).groups[0].rows
    rows = {row.slot: row for row in others}
    return SimulatedTrial(
        itself=answer(rows[baseline.slot + AGAIN], 0.0),
        models=tuple(
            answer(rows[artifact(_model(number)).key], truth)
            for number, truth in enumerate(overheads)
        ),
        seconds=seconds,
    )


def simulate(
    scenario: str,
    seed: int,
    budget_s: float,
    overheads: tuple[float, ...],
    whole_budget: bool = False,
) -> tuple[MeasuredRun, float]:
    """A run of models with these overheads and of the baseline against itself, and its seconds."""
    models = tuple(artifact(_model(number)) for number in range(len(overheads)))
    baseline = artifact(BASELINE)
    truths = {one.key: truth for one, truth in zip(models, overheads, strict=True)}
    device = SimulatedDevice(machine(scenario, seed), truths, LATENCY_S)
    request = RunRequest(
        "simulated",
        against_itself=True,
        threshold=THRESHOLD,
        budget_s=budget_s,
        seed=seed,
        whole_budget=whole_budget,
    )
    draft = draft_plan(f"{scenario}-{seed}", [Family("simulated", baseline, models)], request)
    manifests = {one.key: one.manifest for one in (baseline, *models)}
    manifests[baseline.key + AGAIN] = baseline.manifest
    pilot = pilot_plan(draft)
    piloted = _cut(device.simulate(pilot), limit_s(budget_s))
    spent_s = measured_s(piloted.blocks)
    forecast = choose_size(
        pace(pilot, piloted), budget_s, request.detect, spent_s, stops_early=not whole_budget
    )
    plan = lay_out(draft, forecast.size, forecast.warmup_s)
    result = device.simulate(plan)
    found = stopped(
        MeasuredRun(draft.id, request, device.description, plan, result, manifests, {}, {}, {}, "")
    )
    return found, spent_s + elapsed_s(found)


def stopped(run: MeasuredRun) -> MeasuredRun:
    """A run as `runs.early_stop` leaves it: after the first process at which all is clear.

    The machine does not know when it is going to be stopped, so a run that is stopped is the
    beginning of the whole one.
    """
    for processes in range(run.plan.first_look, run.plan.processes):
        blocks = tuple(block for block in run.result.blocks if block.process < processes)
        part = replace(run, result=replace(run.result, complete=False, blocks=blocks))
        if decided(part, judgements(part).values()):
            return part
    return run


def elapsed_s(run: MeasuredRun) -> float:
    """The seconds from the start of the first process to the end of the last block."""
    ends = [block.after.unix_s for block in run.result.blocks if block.after is not None]
    began = datetime.datetime.fromisoformat(run.result.started).timestamp()
    return max(ends, default=began) - began


def _model(number: int) -> str:
    return f"model{number}"


def machine(scenario: str, seed: int) -> Scenario:
    """The scenario of that name; a random one differs with each seed."""
    return random_scenario(seed) if scenario == RANDOM else SCENARIOS[scenario]


def _cut(result: RunResult, limit_s: float) -> RunResult:
    """A result as it was when its blocks had taken so long."""
    kept: list[MeasuredBlock] = []
    for block in result.blocks:
        if measured_s(kept) < limit_s:
            kept.append(block)
    return replace(result, blocks=tuple(kept))


def answer(row: ModelRow, truth: float) -> Answer:
    """The result of a row."""
    assert row.verdict is not None
    return Answer(
        truth,
        row.overhead.interval if row.overhead else None,
        withheld=row.verdict.outcome == "no verdict",
        value=row.overhead.value if row.overhead else None,
    )


def artifact(model: str) -> Artifact:
    """An artifact without content."""
    name = file_name(model, "fp32", "tflite")
    manifest = Manifest(
        model=model,
        baseline=BASELINE,
        format="tflite",
        precision="fp32",
        file=name,
        sha256=model,
        size_bytes=1,
        weights="unknown",
        weights_sha256="",
        inputs=(),
        outputs=(),
        preprocessing=None,
        labels=None,
        parameters=None,
        madds=None,
        hops=(),
        calibration=None,
        evaluation=None,
        maker="nobody",
        tools={},
        command="",
        fingerprint="",
    )
    return Artifact(Path(name), manifest)
