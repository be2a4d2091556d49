"""One simulated run through the product's own path: draft, pilot, plan, measure, compare, judge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edgebench.benchmarks.planning.design import AGAIN, Family, draft_plan, lay_out
from edgebench.benchmarks.planning.pilot import limit_s, measured_s, pace, pilot_plan
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sizing import choose_size
from edgebench.benchmarks.results.compare import compare
from edgebench.benchmarks.results.comparison import Comparison, ModelRow
from edgebench.benchmarks.results.measured import MeasuredRun
from edgebench.converters.artifact import Artifact, Manifest, file_name
from edgebench.deploy.documents.plan import Plan
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
BASELINE = "baseline"


@dataclass(frozen=True)
class Answer:
    """The result of one method for one comparison whose truth is known.

    `withheld` says that there is no verdict.
    """

    truth: float
    interval: Interval | None
    withheld: bool = False

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


@dataclass(frozen=True)
class SimulatedTrial:
    """One run: the baseline against itself, and models against it."""

    itself: Answer
    models: tuple[Answer, ...]


def run(scenario: str, seed: int, budget_s: float, overheads: tuple[float, ...]) -> SimulatedTrial:
    """The results of a simulated run of models with these overheads."""
    baseline, *others = simulate(scenario, seed, budget_s, overheads).groups[0].rows
    rows = {row.slot: row for row in others}
    return SimulatedTrial(
        itself=answer(rows[baseline.slot + AGAIN], 0.0),
        models=tuple(
            answer(rows[artifact(_model(number)).key], truth)
            for number, truth in enumerate(overheads)
        ),
    )


def simulate(scenario: str, seed: int, budget_s: float, overheads: tuple[float, ...]) -> Comparison:
    """Simulate a run of models with these overheads, and of the baseline against itself."""
    models = tuple(artifact(_model(number)) for number in range(len(overheads)))
    baseline = artifact(BASELINE)
    truths = {one.key: truth for one, truth in zip(models, overheads, strict=True)}
    device = SimulatedDevice(machine(scenario, seed), truths, LATENCY_S)
    request = RunRequest("simulated", against_itself=True, budget_s=budget_s, seed=seed)
    draft = draft_plan(f"{scenario}-{seed}", [Family("simulated", baseline, models)], request)
    result, plan = measure(device, draft, request)
    manifests = {one.key: one.manifest for one in (baseline, *models)}
    manifests[baseline.key + AGAIN] = baseline.manifest
    return compare(
        MeasuredRun(draft.id, request, device.description, plan, result, manifests, {}, {}, {}, "")
    )


def _model(number: int) -> str:
    return f"model{number}"


def machine(scenario: str, seed: int) -> Scenario:
    """The scenario of that name; a random one differs with each seed."""
    return random_scenario(seed) if scenario == RANDOM else SCENARIOS[scenario]


def measure(device: SimulatedDevice, draft: Plan, request: RunRequest) -> tuple[RunResult, Plan]:
    """Pilot, plan and run, like `edgebench.benchmarks.runs.run` but without a folder."""
    assert request.budget_s is not None
    pilot = pilot_plan(draft)
    piloted = _stopped(device.simulate(pilot), limit_s(request.budget_s))
    spent_s = measured_s(piloted.blocks)
    forecast = choose_size(pace(pilot, piloted), request.budget_s, request.detect, spent_s)
    plan = lay_out(draft, forecast.size, forecast.warmup_s)
    return device.simulate(plan), plan


def _stopped(result: RunResult, limit_s: float) -> RunResult:
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
