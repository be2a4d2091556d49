"""The simulated device: the same interface as the real ones, on a machine made of numbers.

It walks the plan as the runner does, and times its inferences with the runner's own functions on a
virtual clock. What an artifact costs is known: the latency of the baseline, and the `overhead` of
every artifact that is not the baseline's own file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import numpy as np

from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.documents.plan import Plan, PlannedBlock
from edgebench.deploy.documents.result import (
    Context,
    EvaluationResult,
    MeasuredBlock,
    RunResult,
    Runtime,
    Visit,
)
from edgebench.deploy.documents.staging import RESULT, plan_hash, read_plan
from edgebench.deploy.runner import engines
from edgebench.deploy.runner.timing import timed, warm_up
from edgebench.deploy.transports.simulated.machine import CORES, START_UNIX_S, Machine, stamp
from edgebench.deploy.transports.simulated.scenarios import CLEAN, Scenario
from edgebench.documents import save
from edgebench.progress import Progress, silent

LATENCY_S = 0.02
OVERHEAD = 0.03
PROCESS_START_S = 0.3
DECAY = 1.5
"""Inferences in which a visit's transient falls to 1/e."""


class SimulatedDevice:
    """Runs plans in no time, in one scenario.

    `overheads` are true overheads by slot; slots that it does not name have `OVERHEAD`, or none
    where they hold the baseline's own file.
    """

    def __init__(
        self,
        scenario: Scenario = CLEAN,
        overheads: Mapping[str, float] | None = None,
        latency_s: float = LATENCY_S,
    ) -> None:
        self.scenario = scenario
        self.name = "simulated" if scenario == CLEAN else f"simulated:{scenario.name}"
        self.identity = self.name
        self.formats = engines.FORMATS
        self.description = f"simulated, to try things out: {scenario.description}"
        self._overheads = dict(overheads or {})
        self._latency_s = latency_s

    def reserved(self) -> AbstractContextManager[None]:
        """See `Device.reserved`. There is enough of it for everybody."""
        return nullcontext()

    def check(self) -> Iterator[CheckStep]:
        """See `Device.check`."""
        yield CheckStep("found", "ok", "always available")

    def run(self, folder: Path, progress: Progress) -> RunResult:
        """See `Device.run`. The same plan gives the same result."""
        result = self.simulate(read_plan(folder), plan_hash(folder), progress)
        save(folder / RESULT, result)
        return result

    def simulate(self, plan: Plan, plan_sha256: str = "", progress: Progress = silent) -> RunResult:
        """Carry out a plan without a folder."""
        chance = np.random.default_rng(zlib.crc32(f"{plan.id} {plan.seed}".encode()))
        run = _Run(plan, self.scenario, self._latencies(plan), chance)
        evaluations = {slot: run.evaluation(slot) for slot in plan.artifacts}
        blocks: list[MeasuredBlock] = []
        with suppress(KeyboardInterrupt):  # Then what there is, is the result.
            for planned in plan.blocks:
                blocks.append(run.block(planned))
                progress("measuring blocks", len(blocks), len(plan.blocks))
        return RunResult(
            plan_sha256=plan_sha256,
            started=stamp(START_UNIX_S),
            updated=stamp(run.unix_s),
            complete=len(blocks) == len(plan.blocks),
            context=_context(plan),
            evaluations=evaluations,
            blocks=tuple(blocks),
        )

    def _latencies(self, plan: Plan) -> dict[str, float]:
        """The true seconds of an inference at full speed, by slot."""
        latencies = {}
        for group in plan.groups:
            own = plan.artifacts[group.baseline].sha256
            for slot in group.slots:
                usual = 0.0 if plan.artifacts[slot].sha256 == own else OVERHEAD
                latencies[slot] = self._latency_s * (1 + self._overheads.get(slot, usual))
        return latencies


class _Run:
    """One plan being carried out."""

    def __init__(
        self,
        plan: Plan,
        scenario: Scenario,
        latencies_s: dict[str, float],
        chance: np.random.Generator,
    ) -> None:
        self.latencies_s = latencies_s
        self._plan = plan
        self._scenario = scenario
        self._chance = chance
        processes = plan.processes + len(plan.artifacts)
        horizon_s = processes * PROCESS_START_S + sum(
            plan.visit.min_s + (2 * plan.warmup.window + 1) * latencies_s[slot]
            for block in plan.blocks
            for slot in block.order
        )
        self._machine = Machine(scenario, horizon_s, chance)
        self._process = -1
        self._bias: dict[str, float] = {}

    @property
    def unix_s(self) -> float:
        """The virtual time."""
        return self._machine.unix_s

    def evaluation(self, slot: str) -> EvaluationResult:
        """Load an artifact in a fresh process and run it once."""
        first_s = 2 * self.latencies_s[slot]
        self._machine.start_process(PROCESS_START_S + first_s)
        return EvaluationResult(
            None,
            load_s=PROCESS_START_S / 10,
            first_inference_s=first_s,
            partitions=1,
            leftover_ops=(),
        )

    def block(self, planned: PlannedBlock) -> MeasuredBlock:
        if planned.process != self._process:
            self._process = planned.process
            self._machine.start_process(PROCESS_START_S)
            half = self._scenario.process_bias / 2
            biases = np.exp(self._chance.uniform(-half, half, len(self.latencies_s)))
            self._bias = dict(zip(self.latencies_s, biases.tolist(), strict=True))
        before = self._machine.readings()
        visits = tuple(self._visit(slot) for slot in planned.order)
        after = self._machine.readings()
        return MeasuredBlock(
            planned.index, planned.process, planned.group, None, before, after, visits
        )

    def _visit(self, slot: str) -> Visit:
        machine, scenario, chance = self._machine, self._scenario, self._chance
        started = machine.unix_s
        warmup, length = self._plan.warmup, self._plan.visit
        level = chance.normal(0, scenario.visit_noise) + np.log(self.latencies_s[slot])
        level_s = float(np.exp(level)) * self._bias[slot]
        # As many as the longest visit can take, and then some: nothing runs faster than full speed.
        count = int(2 * (warmup.max_s + length.min_s) / level_s) + 8 * warmup.window
        count += length.min_inferences
        noise = np.exp(chance.normal(0, scenario.inference_noise, count))
        settling = 1 + scenario.transient * np.exp(-np.arange(count) / DECAY)
        times = iter((level_s * noise * settling).tolist())

        def invoke() -> None:
            machine.work(next(times))

        warm, steady = warm_up(invoke, warmup.window, warmup.tolerance, warmup.max_s, machine.clock)
        samples = timed(invoke, length.min_s, length.min_inferences, machine.clock)
        return Visit(slot, started, steady, tuple(warm), tuple(samples))


def _context(plan: Plan) -> Context:
    formats = {one.format for one in plan.artifacts.values()}
    return Context(
        runtimes={form: Runtime("simulated", "1") for form in sorted(formats)},
        python="none",
        numpy=np.__version__,
        system="simulated",
        kernel="none",
        machine="simulated",
        cpu_model="numbers",
        core_count=CORES,
        cores=plan.cores,
        threads=plan.threads,
        delegate=plan.delegate,
    )
