"""What a run has measured: the input of its comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from edgebench.benchmarks.gate.noise_floor import NoiseFloors
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.converters.artifact import Manifest
from edgebench.deploy.documents.plan import Group, Plan
from edgebench.deploy.documents.result import EvaluationResult, MeasuredBlock, RunResult
from edgebench.tasks.task import Array, Outputs

Measures = Literal["time", "instructions", "outputs", "sustained"]

NOTHING = EvaluationResult(error=None)
"""What is known of an artifact that did not run: the plan leaves it out, or was interrupted."""


@dataclass(frozen=True)
class MeasuredRun:
    """The input of a comparison.

    `manifests` is by slot. `labels` gives, by slot, the label arrays of the evaluation inputs, by
    name, and `references` the source model's reduced outputs, by role; slots without an
    evaluation have none. `outputs` gives, by slot and role, what came back from the device. All
    outputs are (N, *reduction.shape), and those of the device lie in files. `floors` are the
    device's noise floors; None for a run that is read against none. `host` and its outputs are
    those of the same plan on the host's own processor, where a device asked for them.
    `cores_known` is the number of cores that the registry gives for the device, None if it gives
    none. `families` are the groups of a sustained run, whose plan has each model alone.
    """

    name: str
    request: RunRequest
    device_description: str
    plan: Plan
    result: RunResult
    manifests: Mapping[str, Manifest]
    labels: Mapping[str, Mapping[str, Array]]
    references: Mapping[str, Outputs]
    outputs: Mapping[str, Outputs]
    command: str
    floors: NoiseFloors | None = None
    host: RunResult | None = None
    host_outputs: Mapping[str, Outputs] = field(default_factory=dict)
    cores_known: int | None = None
    families: tuple[Group, ...] = ()

    @property
    def timed(self) -> bool:
        """Whether overheads in time are: an emulated device has a plan without blocks."""
        return bool(self.plan.blocks) and not self.families

    @property
    def measures(self) -> Measures:
        """What is measured; see `Comparison.measures`."""
        if self.families:
            return "sustained"
        if self.timed:
            return "time"
        emulated = any(one.within for one in self.result.context.runtimes.values())
        return "outputs" if emulated else "instructions"


def measured(blocks: Sequence[MeasuredBlock]) -> tuple[MeasuredBlock, ...]:
    """The blocks that did not fail."""
    return tuple(block for block in blocks if not block.error)
