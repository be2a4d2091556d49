"""The worker on the host that measures with LiteRT's `benchmark_model` on a device.

It answers the jobs of `runner.scheduler.Scheduler`, as the Python runner's child does on a device.
The tool runs one model, so every turn is a process of its own that warms up first, and models
cannot take turns within hundredths of a second. A block is one command that prints everything: the
readings, what the tool printed in each turn, and the readings again. Nothing crosses the cable
while it measures, and a phone that is unplugged loses one block at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from edgebench.deploy.benchmark_model import delegation, profile, readings
from edgebench.deploy.benchmark_model.context import context
from edgebench.deploy.benchmark_model.delegation import Delegation
from edgebench.deploy.benchmark_model.images import LIMIT, ONCE, OUTPUT, Images
from edgebench.deploy.benchmark_model.nodes import exported_nodes
from edgebench.deploy.benchmark_model.output import InferenceTimes, ToolOutput, failure, parse
from edgebench.deploy.benchmark_model.tool import NPU, TIMEOUT_S, Tool
from edgebench.deploy.remote.store import Store
from edgebench.deploy.runner.files import stored_inputs
from edgebench.deploy.runner.messages import Json, RunnerError
from edgebench.deploy.runner.outputs import KeptOutputs
from edgebench.deploy.runner.scheduler import failed_block

WARMUP_S = 0.1
"""How long a turn warms up at least, for a governor takes so long to see that there is work."""

TIMED_S = 0.1
"""The shortest time that a turn is timed. The pilot plans turns of few inferences, because it does
not know the device yet; a level of so few scatters much more than that of a run's longer turns."""

WINDOWS = 2
"""As many windows of warm-up inferences at least, as the rule of the plan takes too."""

TURN = f"{readings.MARK}turn"
STATUS = f"{readings.MARK}status"
PROFILE = ("--enable_op_profiling=true", "--warmup_runs=5", "--num_runs=40", "--max_secs=5")


class BenchmarkWorker:
    """Carries out the jobs of one plan; see `edgebench.deploy.runner.worker`.

    `there` is the plan's folder on the device, `here` the folder `files` of the run.
    """

    def __init__(self, store: Store, tool: Tool, plan: Json, here: Path, there: str) -> None:
        self.store = store
        self.tool = tool
        self.plan = plan
        self.here = here
        self.there = there
        self.delegated: set[str] = set()

    def __call__(self, job: Json) -> Iterator[Json]:
        """Answer a job. Raises `DeviceError` if the connection to the device is lost."""
        if job["kind"] == "measure":
            for block in job["blocks"]:
                yield self._block(block)
            return
        jobs: dict[str, Callable[[Json], Json]] = {
            "context": lambda job: context(self.tool, self.plan),
            "readings": self._readings,
            "evaluate": self._evaluate,
            "profile": self._profile,
        }
        try:
            yield {"error": None, **jobs[job["kind"]](job)}
        except RunnerError as error:
            yield {"error": str(error)}

    def _graph(self, slot: str) -> str:
        return f"{self.store.files}/{self.plan['artifacts'][slot]['file']}"

    def _printed(self, slot: str, *options: str) -> str:
        """The output of one run of the tool on a slot. Raises `RunnerError` if it fails."""
        status, text = self.tool.run(self.plan, self._graph(slot), *options)
        reason = failure(status, text)
        if reason:
            raise RunnerError(reason)
        return text

    def _readings(self, job: Json) -> Json:
        return {"readings": readings.parse(self.store.shell.check_output(readings.BEFORE))}

    def _evaluate(self, job: Json) -> Json:
        slot = job["slot"]
        first = ("--warmup_runs=1", "--warmup_min_secs=0", *ONCE[2:])
        text = self._printed(slot, *first)
        found, compile_s = parse(text), None
        placed = self._delegation(slot, found, text)
        if placed.partitions:
            self.delegated.add(slot)
        if self.plan["delegate"] == NPU:  # The first load compiled it, and later ones do not.
            compile_s, found = found.init_s, parse(self._printed(slot, *first))
        return {
            "load_s": found.init_s,
            "first_inference_s": found.first_inference_s,
            "peak_memory_bytes": found.memory_bytes,
            **self._outputs(slot, job["folder"]),
            "partitions": placed.partitions,
            "leftover_ops": placed.left,
            "layer_types": None,
            "compile_s": compile_s,
            "operators": placed.operators,
        }

    def _delegation(self, slot: str, found: ToolOutput, text: str) -> Delegation:
        """What the plan's delegate runs of a slot, of whose first load the tool printed `text`."""
        delegate = self.plan["delegate"]
        nodes = exported_nodes(self.store, self.tool, self.plan, self._graph(slot), self.there)
        if nodes is not None:
            return delegation.of_nodes(nodes, delegate, text)
        if self.tool.compiles:
            return delegation.of_compiled(found, delegate, text)
        profiled = None
        if delegate != "none" and "enable_op_profiling" in self.tool.flags:
            profiled = self._printed(slot, "--enable_op_profiling=true", *ONCE)
        return delegation.of_interpreter(found, delegate, profiled)

    def _outputs(self, slot: str, folder: str) -> Json:
        """Run the first evaluation inputs and keep the outputs as the Python runner does.

        Raises `RunnerError` for outputs that are not finite.
        """
        planned = self.plan["artifacts"][slot]
        evaluation = planned["evaluation"]
        if evaluation is None or OUTPUT not in self.tool.flags:
            return {"outputs": None}
        try:
            images = Images(self.store, self.tool, self.here / planned["file"], self._graph(slot))
        except RunnerError:
            return {"outputs": None}  # It can be measured all the same.
        limit = min(LIMIT, self.plan.get("images") or LIMIT)
        taken = stored_inputs(np, str(self.here), evaluation, limit)
        inputs = (one[0] for one in taken)
        with KeptOutputs(np, evaluation["outputs"], folder, slot, taken.count) as kept:
            for made in images.outputs(self.plan, inputs, f"{self.there}/scratch"):
                kept.add(lambda one, made=made: made[one["index"]])  # type: ignore[misc]
        return {"outputs": kept.names, "images": taken.count}

    def _profile(self, job: Json) -> Json:
        found = profile.parse(self._printed(job["slot"], *PROFILE))
        return {"profile": asdict(found) if found.operations else None}

    def _block(self, block: Json) -> Json:
        """One block, in one command. A turn that fails fails its block."""
        length = next(one["turn"] for one in self.plan["groups"] if one["name"] == block["group"])
        turns = "; ".join(
            f"echo '{TURN}'; {self._turn_command(slot, length)}; s=$?; echo; echo '{STATUS}'$s"
            for slot in block["order"]
        )
        done = self.tool.shell.run(
            f"{readings.BEFORE}; {turns}; {readings.AFTER}",
            timeout_s=30.0 + TIMEOUT_S * len(block["order"]),
        )
        before, *pieces = done.stdout.split(TURN + "\n")
        try:
            printed = zip(block["order"], pieces, strict=True)
            found = [(slot, self._turn_output(slot, piece)) for slot, piece in printed]
        except RunnerError as error:
            return failed_block(block, str(error))
        after = pieces[-1].partition(STATUS)[2].partition("\n")[2]
        return {
            **{name: block[name] for name in ("index", "process", "group")},
            "error": None,
            "before": readings.parse(before),
            "after": readings.parse(after),
            "warmups": [self._warmed_up(slot, *times) for slot, times in found],
            "turns": [_turn(slot, timed) for slot, (_, timed) in found],
        }

    def _turn_command(self, slot: str, length: Json) -> str:
        """The tool's command of one turn.

        Its samples that count are the timed inferences. Those that a turn drops are none of the
        tool's: its warm-up is longer.
        """
        return self.tool.command(
            self.plan,
            self._graph(slot),
            f"--warmup_runs={WINDOWS * self.plan['warmup']['window']}",
            f"--warmup_min_secs={WARMUP_S}",
            f"--num_runs={(length['samples'] - length['dropped']) * length['batch']}",
            f"--min_secs={TIMED_S}",
        )

    def _turn_output(self, slot: str, piece: str) -> tuple[InferenceTimes | None, InferenceTimes]:
        """The warm-up's times and the timed ones, from what was printed between two marks.

        Raises `RunnerError` for a turn that failed, and for one without the delegate that the slot
        had before.
        """
        text, _, rest = piece.partition(STATUS)
        status = rest.partition("\n")[0].strip()
        reason = failure(int(status) if status.isdigit() else 1, text)
        if reason:
            raise RunnerError(f"{slot}: {reason}")
        found = parse(text)
        assert found.timed is not None  # Or it would have failed.
        parts: int | None = found.kernels
        if self.tool.compiles:
            parts = delegation.of_compiled(found, self.plan["delegate"], text).partitions
        if parts:
            self.delegated.add(slot)
        elif parts == 0 and slot in self.delegated:
            raise RunnerError(
                f"{slot}: the {self.plan['delegate']} delegate was used before, and now is not"
            )
        return found.warmup, found.timed

    def _warmed_up(self, slot: str, warmup: InferenceTimes | None, timed: InferenceTimes) -> Json:
        """A turn's warm-up, of which the tool tells the first inference alone."""
        times = [warmup.first_ns] if warmup else []
        return {"slot": slot, "steady": self._steady(warmup, timed), "times_ns": times}

    def _steady(self, warmup: InferenceTimes | None, timed: InferenceTimes) -> bool:
        """Whether the averages of warm-up and timed inferences are equal within the tolerance."""
        if warmup is None:
            return False
        change = timed.settled_ns / warmup.settled_ns - 1
        return abs(change) <= float(self.plan["warmup"]["tolerance"])


def _turn(slot: str, timed: InferenceTimes) -> Json:
    """A turn as the result has it: its only sample is the level of the timed inferences."""
    return {
        "slot": slot,
        "dropped_ns": [],
        "samples_ns": [timed.level_ns],
        "cpu_ns": None,
        "summary": {"kind": timed.kind, "inferences": timed.count},
    }


def artifacts(plan: Json) -> Sequence[str]:
    """The files of a plan that the tool runs."""
    return sorted({one["file"] for one in plan["artifacts"].values()})
