"""The comparison: a run's results in one document, from which all reports are made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.gate.verdict import Verdict
from edgebench.benchmarks.results.measured import Measures
from edgebench.benchmarks.results.sustained import Sustained
from edgebench.benchmarks.statistics.call import Call
from edgebench.benchmarks.statistics.paired import Latency, Overhead
from edgebench.converters.artifact import Hop
from edgebench.deploy.documents.result import Context, Runtime
from edgebench.intervals import Estimate


@dataclass(frozen=True)
class DeviceFigure:
    """A figure of the task's metric, from the outputs that came back from the device.

    `id` is that of the task's column. `drop` is the change against the source model, such as the
    trained one in torch, and `gain` that against the baseline on the same device, both over the
    same images; `gain` is None for the baseline itself.
    """

    id: str
    on_device: Estimate
    trained: Estimate
    drop: Estimate
    gain: Estimate | None


@dataclass(frozen=True)
class DeviceAccuracy:
    """The figures of a task, over so many `images`; the headline is the first."""

    task: str
    images: int
    figures: tuple[DeviceFigure, ...]

    @property
    def headline(self) -> DeviceFigure:
        return self.figures[0]


@dataclass(frozen=True)
class OutputDrift:
    """How far the numbers of one output are from others, over all images.

    `snr_db` is None where they are equal, and no less than -100 dB. `max_abs_error` is in the
    output's unit.
    """

    role: str
    snr_db: float | None
    max_abs_error: float


def worst(outputs: Sequence[OutputDrift]) -> OutputDrift | None:
    """The output with the lowest SNR; None where none is kept whole, so that there is no SNR."""
    return min(
        outputs, key=lambda one: math.inf if one.snr_db is None else one.snr_db, default=None
    )


@dataclass(frozen=True)
class Drift:
    """How far the outputs differ from the source model's, hop by hop and overall.

    `hops` are those of the export. `agreement` and `outputs` compare the source model with the
    device's own outputs, over `samples` images; there is no agreement where there was nothing to
    compare, such as no boxes. `outputs` are those of which all numbers are kept.
    """

    hops: tuple[Hop, ...]
    samples: int
    agreement: Estimate | None
    outputs: tuple[OutputDrift, ...]


@dataclass(frozen=True)
class HostComparison:
    """A device's outputs compared with those of the same file on the host's processor.

    `machine` and `runtime` are the host's. Over `samples` images: how much agrees, and how far the
    numbers of each output are from the host's.
    """

    machine: str
    runtime: Runtime
    samples: int
    agreement: Estimate | None
    outputs: tuple[OutputDrift, ...]


@dataclass(frozen=True)
class ModelRow:
    """One slot. Measured values are None where there was nothing to measure.

    `against_itself` marks the second slot of a baseline that is measured against itself (A/A).
    `error` is what the runtime said of an artifact that does not run here.

    Where the device does not run the format (`runs_here` is false) accuracy and drift are those of
    the export, by the program's meaning. `parity` is the export's last hop, from ONNX to the file.

    `levels_s` are the slot's levels in seconds, one per process: the scatter of its latency in this
    session. `madds`, `parameters` and `size_bytes` come from the manifest: they are counted, not
    measured. `overhead` and `verdict` are None for the baseline, and where nothing was timed.

    `task` says what the outputs mean, None where nobody said it.

    `instructions` are those of one inference, the median of some, and `instruction_overhead` is
    relative to the baseline: a device that counts instructions has these, and no time.
    """

    slot: str
    model: str
    against_itself: bool
    weights: Literal["trained", "untrained", "unknown"]
    runs_here: bool
    error: str | None
    parity: Hop | None
    latency: Latency | None
    levels_s: tuple[float, ...]
    overhead: Overhead | None
    verdict: Verdict | None
    madds: int | None
    madds_overhead: float | None
    parameters: int | None
    size_bytes: int
    task: str | None
    accuracy: DeviceAccuracy | None
    drift: Drift | None
    peak_memory_bytes: int | None
    load_s: float | None
    first_inference_s: float | None
    partitions: int | None
    leftover_ops: tuple[str, ...] | None
    instructions: int | None = None
    instruction_overhead: float | None = None
    on_host: HostComparison | None = None
    call: Call | None = None
    operators: dict[str, int] | None = None


@dataclass(frozen=True)
class GroupComparison:
    """The rows of one format and precision, and the tool that made them, with its version.

    The first is the baseline. External model files are one group, with all their precisions, and
    their `maker` is ''. `within` is `Runtime.within` of what ran them. `call_s` is the time of an
    almost empty graph in their format and precision, where it was measured.
    """

    name: str
    format: str
    precision: str
    maker: str
    rows: tuple[ModelRow, ...]
    within: str | None = None
    call_s: Estimate | None = None

    @property
    def title(self) -> str:
        """Its name in reports, which tells what ran within another program from what did not."""
        return self.name + self.where

    @property
    def kind(self) -> str:
        """Its format and precision in reports."""
        return f"{self.format} {self.precision}{self.where}"

    @property
    def where(self) -> str:
        return f" ({self.within})" if self.within else ""

    @property
    def external(self) -> bool:
        """Whether these are external model files, of which only the file is known."""
        return not self.maker


@dataclass(frozen=True)
class Comparison:
    """A run in one document. `interrupted` says that the plan was not completed, and
    `stopped_early` that it did not need to be, because all verdicts were clear before.

    `cooled_s` is how long the run waited for the device to cool, None where it was not asked to.
    `warnings` are what to know of the run as a whole before its figures. `measures` is what
    overheads are of; where it is instructions nothing was timed, and there are no verdicts. Where
    it is outputs there are no overheads either: an emulator computed, and its times mean nothing.
    A `sustained` run has each model's latency over time, and no overheads.
    """

    SCHEMA: ClassVar[str] = "edgebench.comparison/5"

    run: str
    device: str
    description: str
    started: str
    interrupted: bool
    stopped_early: bool
    threshold: float
    threads: int
    cores: tuple[int, ...] | None
    delegate: str
    processes: int
    blocks_planned: int
    blocks_done: int
    context: Context
    groups: tuple[GroupComparison, ...]
    command: str
    warnings: tuple[Diagnostic, ...] = ()
    cooled_s: float | None = None
    measures: Measures = "time"
    sustained: Sustained | None = None

    @property
    def rows(self) -> tuple[ModelRow, ...]:
        """The rows that have an overhead over a baseline, over all groups."""
        return tuple(row for group in self.groups for row in group.rows if row.overhead is not None)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All verdicts, in the order of the rows."""
        rows = (row for group in self.groups for row in group.rows)
        return tuple(row.verdict for row in rows if row.verdict is not None)

    @property
    def answered(self) -> bool:
        """Whether any verdict was reached, or none was expected."""
        if self.sustained is not None:
            return any(one.outcome != "no answer" for one in self.sustained.models)
        return self.measures != "time" or any(
            verdict.outcome != "no verdict" for verdict in self.verdicts
        )
