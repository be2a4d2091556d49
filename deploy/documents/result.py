"""The run result: what a device writes while it runs a plan.

It mirrors, field by field, the JSON that the runner (`edgebench.deploy.runner`) writes. All that a
device cannot tell is None. Every raw sample is kept; nothing here is derived from another field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True)
class Runtime:
    """What ran a format's artifacts."""

    name: str
    version: str


@dataclass(frozen=True)
class Context:
    """Where and with what the plan ran.

    `runtimes` are by format. `python` and `numpy` are None where the runner is not the Python one.
    `cores` are those that the measuring processes were allowed to use.
    """

    runtimes: dict[str, Runtime]
    python: str | None
    numpy: str | None
    system: str
    kernel: str
    machine: str
    cpu_model: str | None
    core_count: int
    cores: tuple[int, ...] | None
    threads: int
    delegate: str


@dataclass(frozen=True)
class ProfiledOperation:
    """One operation as the runtime names it, and its seconds in an average inference."""

    name: str
    type: str
    time_s: float


@dataclass(frozen=True)
class Profile:
    """What the runtime's own profiler (`source`) said, in a process of its own.

    Profiling slows a runtime down: its times tell how operations share `whole_s`, the time of an
    inference under the profiler, and are no measurement of the latency. Operations are in the
    order that they ran.
    """

    source: str
    inferences: int
    whole_s: float
    operations: tuple[ProfiledOperation, ...]


@dataclass(frozen=True)
class EvaluationResult:
    """One artifact, alone in a fresh process.

    `load_s` is reading the model and allocating its tensors; `peak_memory_bytes` is the peak of
    resident memory above what the bare runtime held. `outputs` names, by role, the .npy of what
    was kept of the outputs, (N, *reduction.shape), for the evaluation inputs or for the first
    `images` of them alone. `partitions` counts the
    delegate's nodes and `leftover_ops` names what it did not take. `layer_types` counts, where the
    runtime tells, the layers that it runs in each type of value, such as 54 in `u8` and 2 in `f32`.
    `profile` is None where it was not asked for or the runtime has none. `instructions` are those
    that the runtime executed in each of some inferences, on one thread, where a device counts them.
    With an `error` the slot is not measured.
    """

    error: str | None
    load_s: float | None = None
    first_inference_s: float | None = None
    peak_memory_bytes: int | None = None
    outputs: dict[str, str] | None = None
    images: int | None = None
    partitions: int | None = None
    leftover_ops: tuple[str, ...] | None = None
    profile: Profile | None = None
    layer_types: dict[str, int] | None = None
    instructions: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Readings:
    """The machine's state at one moment.

    Cumulative times are in seconds since boot, over all cores: `busy_s` is everything but idling,
    `steal_s` is what the hypervisor took. `own_s` is the CPU time of the measuring process since it
    started, and `core` the one that it ran on; None where every visit is a process of its own.
    Frequencies are in kHz by core, temperatures in degrees Celsius by sensor; `thermal_status` is
    Android's, from 0 (none) to 6 (shutdown), and `throttled` what the firmware says of itself.
    `running` counts the processes that run or wait to. `time_in_state_s` gives, by core, the
    seconds since boot at each frequency in kHz. `probe_ns` are the times of a fixed short
    computation, which slows down with the machine even where that tells nothing; None where the
    device has nothing that could time it.
    """

    unix_s: float
    frequencies_khz: dict[str, int] | None
    governors: tuple[str, ...] | None
    temperatures_c: dict[str, float] | None
    thermal_status: int | None
    throttled: bool | None
    battery_percent: float | None
    charging: bool | None
    load_1min: float | None
    running: int | None
    busy_s: float | None
    steal_s: float | None
    own_s: float | None
    core: int | None
    time_in_state_s: dict[str, dict[str, float]] | None
    probe_ns: tuple[int, ...] | None


@dataclass(frozen=True)
class SampleSummary:
    """What a tool tells in place of single times: the median or mean of so many inferences."""

    kind: Literal["median", "mean"]
    inferences: int


@dataclass(frozen=True)
class Visit:
    """One stay at a slot: the warm-up inferences, then the timed ones, in nanoseconds each.

    Where a tool keeps the single times to itself, `summary` says what the only sample is, and
    `warmup_ns` holds the first inference alone. Such a visit is a process of its own.
    """

    slot: str
    unix_s: float
    steady: bool
    warmup_ns: tuple[int, ...]
    samples_ns: tuple[int, ...]
    summary: SampleSummary | None = None


@dataclass(frozen=True)
class MeasuredBlock:
    """One finished block. With an `error` it has no visits, and is tried again on resuming."""

    index: int
    process: int
    group: str
    error: str | None
    before: Readings | None
    after: Readings | None
    visits: tuple[Visit, ...]


@dataclass(frozen=True)
class RunResult:
    """What a plan produced so far. `complete` says that nothing of the plan is left to do.

    `start_temperatures_c`, by sensor, are those that the device was to cool to; `cooled_s` is how
    long it was waited for that, in all.
    """

    SCHEMA: ClassVar[str] = "edgebench.result/3"

    plan_sha256: str
    started: str
    updated: str
    complete: bool
    context: Context
    evaluations: dict[str, EvaluationResult]
    blocks: tuple[MeasuredBlock, ...]
    start_temperatures_c: dict[str, float] | None = None
    cooled_s: float = 0.0
