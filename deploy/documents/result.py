"""The run result: what a device writes while it runs a plan.

It mirrors, field by field, the JSON that the runner (`edgebench.deploy.runner`) writes. What a
device does not report is None. Every raw sample is kept; no field is derived from another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True)
class Runtime:
    """The runtime that ran a format's artifacts.

    `within` says within which other program it ran, such as "browser, WASM". Then its times are
    those of that program, and not the device's own.
    """

    name: str
    version: str
    within: str | None = None


@dataclass(frozen=True)
class Context:
    """Where and with what the plan ran.

    `runtimes` has one for each format. `python` and `numpy` are None for runners that are not in
    Python. `cores` are those that the measuring processes were allowed to use. `clock_s` is the
    step of the clock that timed inferences, None where it is too fine to matter. `libraries` are
    the SHA-256 of the vendor's libraries that a delegate consists of, by name.
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
    clock_s: float | None = None
    libraries: dict[str, str] | None = None


@dataclass(frozen=True)
class ProfiledOperation:
    """One operation, with the runtime's name for it and its mean seconds in an inference."""

    name: str
    type: str
    time_s: float


@dataclass(frozen=True)
class Profile:
    """What the runtime's own profiler (`source`) measured, in a separate process.

    Profiling slows a runtime down. Its times show how operations share `whole_s`, the time of an
    inference under the profiler; they do not measure the latency. Operations are in the order in
    which they ran.
    """

    source: str
    inferences: int
    whole_s: float
    operations: tuple[ProfiledOperation, ...]


@dataclass(frozen=True)
class PlacedOperation:
    """Where the runtime plans to run one operation: an expectation, not a measurement.

    `processor` is `cpu`, `gpu` or `neural_engine`. `cost_weight` is the operation's share of the
    cost that the runtime expects of the whole; None where it expects none.
    """

    name: str
    type: str
    processor: str
    cost_weight: float | None


@dataclass(frozen=True)
class EvaluationResult:
    """One artifact, alone in a fresh process.

    `load_s` is the time to read the model and allocate its tensors. `peak_memory_bytes` is the peak
    of resident memory above that of the runtime without a model. `outputs` has, for each role, the
    .npy file of the kept outputs, (N, *reduction.shape), of the first `images` evaluation inputs or
    of all. `partitions` counts the delegate's nodes, and `leftover_ops` are the operators that the
    delegate did not take. `layer_types` counts the layers that run in each type of value, such as
    54 in `u8` and 2 in `f32`, if the runtime reports them. `profile` is None if it was not asked
    for or the runtime has no profiler. `instructions` has, for each of some inferences, how many
    instructions the runtime executed on one thread, if the device counts them.
    `compile_s` is the time of the load that compiled the model for an NPU, where later loads take
    what it made; `load_s` is then that of the next.
    `operators` counts the graph's operators by what runs them: a delegate, by its name in the
    runtime or else in the plan, `cpu` for the runtime's own kernels, or `others`, which are not
    told apart; None where the runtime does not say.
    `placement` has every operation in the order of the program, if the runtime tells its plan
    (Core ML, iOS 17.4).
    A slot with an `error` is not measured.
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
    compile_s: float | None = None
    placement: tuple[PlacedOperation, ...] | None = None
    operators: dict[str, int] | None = None


@dataclass(frozen=True)
class Readings:
    """The machine's state at one moment.

    Cumulative times are in seconds since boot, over all cores: `busy_s` is all time that is not
    idle, `steal_s` is what the hypervisor took. `own_s` is the CPU time of the measuring process
    since it started, and `core` the core that it ran on; None if every turn has its own process.
    Frequencies are in kHz by core, temperatures in degrees Celsius by sensor. `thermal_status` is
    Android's, from 0 (none) to 6 (shutdown), and `throttled` is what the firmware reports.
    `running` counts the processes that run or wait to run. `time_in_state_s` has, for each core,
    the seconds since boot at each frequency in kHz. `probe_ns` are the times of a fixed short
    computation, which slows down with the machine even if the machine reports nothing; None if the
    device cannot time it. `saves_power` is whether the device is in a mode that saves power.
    `thermal_headroom` is how near an Android phone is to throttling severely, which is 1 (API 30).
    `battery_counters` are what the battery's gauge tells: `charge_uah` and `energy_uwh` are left in
    it, `current_ua` (whose sign is the maker's), `voltage_uv` and `power_uw` are of the moment.
    `package_energy_uj` is what the processor counted of its own energy, by package.
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
    saves_power: bool | None = None
    thermal_headroom: float | None = None
    battery_counters: dict[str, int] | None = None
    package_energy_uj: dict[str, int] | None = None


@dataclass(frozen=True)
class SampleSummary:
    """What a tool reports instead of single times: the median or mean of that many inferences."""

    kind: Literal["median", "mean"]
    inferences: int


@dataclass(frozen=True)
class WarmedUp:
    """A slot's warm-up: the time of each inference, and whether they became steady."""

    slot: str
    steady: bool
    times_ns: tuple[int, ...]


@dataclass(frozen=True)
class Turn:
    """One turn of a slot, in nanoseconds an inference: the samples dropped, then those that count.

    `cpu_ns` is the CPU time that the measuring process used in each of `samples_ns`, over all its
    threads; None where that is not known. Where a tool keeps the single times to itself, `summary`
    says what the only sample is. Such a turn is a process of its own.
    """

    slot: str
    dropped_ns: tuple[int, ...]
    samples_ns: tuple[int, ...]
    cpu_ns: tuple[int, ...] | None = None
    summary: SampleSummary | None = None


@dataclass(frozen=True)
class MeasuredBlock:
    """One finished block. With an `error` it has no turns, and is tried again on resuming.

    `warmups` are those of its slots, which are loaded and warmed up before it.
    """

    index: int
    process: int
    group: str
    error: str | None
    before: Readings | None
    after: Readings | None
    warmups: tuple[WarmedUp, ...]
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class RunResult:
    """What a plan produced so far. `complete` says that nothing of the plan is left to do.

    `start_temperatures_c`, by sensor, are those that the device had to cool to. `cooled_s` is the
    total time that the runner waited for that.
    """

    SCHEMA: ClassVar[str] = "edgebench.result/4"

    plan_sha256: str
    started: str
    updated: str
    complete: bool
    context: Context
    evaluations: dict[str, EvaluationResult]
    blocks: tuple[MeasuredBlock, ...]
    start_temperatures_c: dict[str, float] | None = None
    cooled_s: float = 0.0
