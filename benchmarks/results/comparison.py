"""The comparison: a run's results in one document, from which all reports are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.gate.verdict import Verdict
from edgebench.benchmarks.statistics.paired import Latency, Overhead
from edgebench.converters.artifact import Hop
from edgebench.deploy.documents.result import Context, Runtime
from edgebench.intervals import Estimate


@dataclass(frozen=True)
class DeviceAccuracy:
    """Top-1 accuracy of the outputs that came back from the device.

    `drop` is the change against the trained model in torch, and `gain` that against the baseline
    on the same device, both over the same images; `gain` is None for the baseline itself.
    """

    on_device: Estimate
    trained: Estimate
    drop: Estimate
    gain: Estimate | None


@dataclass(frozen=True)
class Drift:
    """How far the outputs differ from the trained model's, hop by hop and overall.

    `hops` are those of the export. `agreement` and `snr_db` compare the trained model with the
    device's own outputs, over `samples` images.
    """

    hops: tuple[Hop, ...]
    samples: int
    agreement: Estimate
    snr_db: float | None
    max_abs_error: float


@dataclass(frozen=True)
class HostComparison:
    """A device's outputs compared with those of the same file on the host's processor.

    `machine` and `runtime` are the host's. Over `samples` images: how often the answers agree, the
    SNR of the device's outputs to the host's, and the largest difference.
    """

    machine: str
    runtime: Runtime
    samples: int
    agreement: Estimate
    snr_db: float | None
    max_abs_error: float


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


@dataclass(frozen=True)
class GroupComparison:
    """The rows of one format and precision, and the tool that made them, with its version.

    The first is the baseline. External model files are one group, with all their precisions, and
    their `maker` is ''.
    """

    name: str
    format: str
    precision: str
    maker: str
    rows: tuple[ModelRow, ...]

    @property
    def external(self) -> bool:
        """Whether these are external model files, of which only the file is known."""
        return not self.maker


@dataclass(frozen=True)
class Comparison:
    """A run in one document. `interrupted` says that the plan was not completed.

    `cooled_s` is how long the run waited for the device to cool, None where it was not asked to.
    `warnings` are what to know of the run as a whole before its figures. `measures` is what
    overheads are of; where it is instructions nothing was timed, and there are no verdicts.
    """

    SCHEMA: ClassVar[str] = "edgebench.comparison/3"

    run: str
    device: str
    description: str
    started: str
    interrupted: bool
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
    measures: Literal["time", "instructions"] = "time"

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
        return self.measures == "instructions" or any(
            verdict.outcome != "no verdict" for verdict in self.verdicts
        )
