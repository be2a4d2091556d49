"""The simulated device: the same interface as the real ones, on a simulated machine.

It carries out the plan as the runner does, and times its inferences with the runner's own functions
on a virtual clock. The cost of an artifact is known: the latency of the baseline, and the
`overhead` of every artifact that is not the baseline's own file.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.documents.plan import CALL_FLOOR, Group, Plan, PlannedBlock, TurnLength
from edgebench.deploy.documents.result import (
    Context,
    EvaluationResult,
    MeasuredBlock,
    RunResult,
    Runtime,
    Turn,
    WarmedUp,
)
from edgebench.deploy.documents.staging import RESULT, plan_hash, read_plan
from edgebench.deploy.runner import engines
from edgebench.deploy.runner.timing import take_turn, warm_up
from edgebench.deploy.transports.simulated.machine import (
    CORES,
    LOADED,
    START_UNIX_S,
    Machine,
    stamp,
)
from edgebench.deploy.transports.simulated.scenarios import CLEAN, Scenario
from edgebench.documents import save
from edgebench.progress import Progress, silent

LATENCY_S = 0.02
CALL_S = 0.0002
"""Of a graph that is next to nothing."""

OVERHEAD = 0.03
PROCESS_START_S = 0.3
LOAD_S = 0.03
"""To load a model, before each block."""

WARMING = 0.5
"""What is left of a process's transient with each inference."""

SETTLING = 0.25
"""What is left of a carry-over with each further inference of the same model."""

WHEN = re.compile(r"^\d{8}-\d{6}(\.\d+)?-")
"""The time in the name of a run, which changes nothing: the same request gives the same result."""

AT_ONCE = 1000
"""Inferences whose noise is drawn together."""


class SimulatedDevice:
    """Runs plans in virtual time, in one scenario.

    `overheads` are true overheads by slot. Slots that are not in it have `OVERHEAD`, or none if
    they have the baseline's own file. `latency_s` is the baseline's, of which `call_s` is the call.
    """

    def __init__(
        self,
        scenario: Scenario = CLEAN,
        overheads: Mapping[str, float] | None = None,
        latency_s: float = LATENCY_S,
        call_s: float = CALL_S,
    ) -> None:
        self.scenario = scenario
        self.name = "simulated" if scenario == CLEAN else f"simulated:{scenario.name}"
        self.identity = self.name
        self.formats = engines.FORMATS
        self.description = f"simulated, to try things out: {scenario.description}"
        self._overheads = dict(overheads or {})
        self._latency_s = latency_s
        self._call_s = call_s

    def reserved(self) -> AbstractContextManager[None]:
        """See `Device.reserved`. Any number of processes can use it."""
        return nullcontext()

    def check(self) -> Iterator[CheckStep]:
        """See `Device.check`."""
        yield CheckStep("found", "ok", "always available")

    def run(self, folder: Path, progress: Progress) -> RunResult:
        """See `Device.run`. The same plan gives the same result."""

        def keep(result: RunResult) -> None:
            save(folder / RESULT, result)

        result = self.simulate(read_plan(folder), plan_hash(folder), progress, keep)
        keep(result)
        return result

    def simulate(
        self,
        plan: Plan,
        plan_sha256: str = "",
        progress: Progress = silent,
        keep: Callable[[RunResult], None] | None = None,
    ) -> RunResult:
        """Carry out a plan without a folder; `keep` gets what there is before progress is told."""
        name = WHEN.sub("", plan.id)
        chance = np.random.default_rng(zlib.crc32(f"{name} {plan.seed}".encode()))
        run = _Run(plan, self.scenario, self._latencies(plan), chance)
        evaluations = {slot: run.evaluation(slot) for slot in plan.artifacts}
        blocks: list[MeasuredBlock] = []

        def result() -> RunResult:
            return RunResult(
                plan_sha256=plan_sha256,
                started=stamp(START_UNIX_S),
                updated=stamp(run.unix_s),
                complete=len(blocks) == len(plan.blocks),
                context=_context(plan),
                evaluations=evaluations,
                blocks=tuple(blocks),
            )

        with suppress(KeyboardInterrupt):  # Then what there is, is the result.
            for planned in plan.blocks:
                blocks.append(run.block(planned))
                if keep is not None:
                    keep(result())
                progress("measuring blocks", len(blocks), len(plan.blocks))
        return result()

    def _latencies(self, plan: Plan) -> dict[str, float]:
        """The true seconds of an inference at full speed, by slot."""
        latencies = {}
        for group in plan.groups:
            own = plan.artifacts[group.baseline].sha256
            for slot in group.slots:
                if slot.startswith(f"{CALL_FLOOR}."):
                    latencies[slot] = self._call_s
                    continue
                usual = 0.0 if plan.artifacts[slot].sha256 == own else OVERHEAD
                latencies[slot] = self._latency_s * (1 + self._overheads.get(slot, usual))
        return latencies


class _Run:
    """One plan that is being carried out."""

    def __init__(
        self,
        plan: Plan,
        scenario: Scenario,
        latencies_s: dict[str, float],
        chance: np.random.Generator,
    ) -> None:
        self._plan = plan
        self._scenario = scenario
        self._latencies_s = latencies_s
        self._chance = chance
        self._groups = {group.name: group for group in plan.groups}
        self._machine = Machine(scenario, self._horizon_s(), chance)
        self._noise = _noise(scenario, chance)
        self._process = -1
        self._slots: dict[str, _Slot] = {}
        self._layouts: dict[str, float] = {}
        self._last = ""

    @property
    def unix_s(self) -> float:
        """The virtual time."""
        return self._machine.unix_s

    def _horizon_s(self) -> float:
        """How long the run takes at full speed."""
        warm = 2 * self._plan.warmup.window + 1
        starts = self._plan.processes + len(self._plan.artifacts)
        seconds = starts * PROCESS_START_S
        seconds += 2 * warm * sum(self._latencies_s.values())
        for block in self._plan.blocks:
            turn = self._groups[block.group].turn
            seconds += sum(LOAD_S + warm * self._latencies_s[slot] for slot in set(block.order))
            inferences = turn.samples * turn.batch
            seconds += inferences * sum(self._latencies_s[slot] for slot in block.order)
        return seconds

    def evaluation(self, slot: str) -> EvaluationResult:
        """Load an artifact in a fresh process and run it once."""
        first_s = 2 * self._latencies_s[slot]
        self._machine.start_process(PROCESS_START_S + first_s)
        return EvaluationResult(
            None,
            load_s=LOAD_S,
            first_inference_s=first_s,
            partitions=1,
            leftover_ops=(),
        )

    def block(self, planned: PlannedBlock) -> MeasuredBlock:
        """Load and warm up the models of a block, and measure it."""
        if planned.process != self._process:
            self._process = planned.process
            self._machine.start_process(PROCESS_START_S)
            self._layouts = {slot: self._layout() for slot in self._latencies_s}
        group = self._groups[planned.group]
        slots = dict.fromkeys(planned.order)
        self._machine.work(LOAD_S * len(slots))
        warmups = tuple(self._warm_up(slot, group) for slot in slots)
        before = self._machine.readings()
        turns = tuple(self._turn(slot, group.turn) for slot in planned.order)
        after = self._machine.readings()
        return MeasuredBlock(
            planned.index, planned.process, group.name, None, before, after, warmups, turns
        )

    def _warm_up(self, slot: str, group: Group) -> WarmedUp:
        self._slots[slot] = _Slot(
            self._latencies_s[slot] * math.exp(self._layouts[slot] + self._layout()),
            self._latencies_s[slot] > self._latencies_s[group.baseline],
            self._scenario.transient,
        )
        rule = self._plan.warmup
        times, steady = warm_up(
            partial(self._invoke, slot),
            rule.window,
            rule.tolerance,
            rule.max_s,
            self._machine.clock,
        )
        return WarmedUp(slot, steady, tuple(times))

    def _layout(self) -> float:
        """What a layout of memory does to a log time: half of it for a process, half for a load."""
        most = self._scenario.process_bias / 4
        return float(self._chance.uniform(-most, most))

    def _turn(self, slot: str, length: TurnLength) -> Turn:
        wall, cpu = take_turn(
            partial(self._invoke, slot),
            length.samples,
            length.batch,
            self._machine.clock,
            self._machine.cpu_clock,
        )
        dropped, samples = wall[: length.dropped], wall[length.dropped :]
        used = None if self._scenario.silent else tuple(cpu[length.dropped :])
        return Turn(slot, tuple(dropped), tuple(samples), used)

    def _invoke(self, slot: str) -> None:
        one, scenario = self._slots[slot], self._scenario
        if slot != self._last:
            one.carried = scenario.carry * (scenario.uneven if one.heavier else 1.0)
            self._last = slot
        seconds = one.latency_s * next(self._noise) * (1 + one.cold) * math.exp(one.carried)
        if scenario.follows and one.heavier and self._chance.random() < scenario.follows:
            seconds *= LOADED
        one.carried *= SETTLING
        one.cold *= WARMING
        self._machine.work(seconds, one.heavier)


@dataclass
class _Slot:
    """A slot in one block: its time there at full speed, and what it inherits at the moment."""

    latency_s: float
    heavier: bool
    cold: float
    carried: float = 0.0


def _noise(scenario: Scenario, chance: np.random.Generator) -> Iterator[float]:
    """What inference after inference takes times as long by chance."""
    while True:
        log_noise = chance.normal(0, scenario.noise, AT_ONCE)
        hit = chance.random(AT_ONCE) < scenario.spikes
        log_noise += np.where(hit, np.log1p(chance.random(AT_ONCE)), 0.0)
        yield from np.exp(log_noise).tolist()


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
