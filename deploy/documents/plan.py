"""The plan: everything a device needs to know to measure, as one JSON file.

A plan names its files by content. So it is the same on every machine, and its hash tells whether a
result belongs to it. A *slot* is one artifact's place in the measurement; the same
artifact may hold two slots, which is how a device is measured against itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from edgebench.tasks.reduction import Reduction

Delegate = Literal["xnnpack", "none", "xnnpack-provider", "gpu", "npu", "qnn", "nnapi", "ane"]
"""What runs a graph beside the runtime: XNNPACK, nothing, the GPU, a phone's NPU, a Snapdragon's
NPU by Qualcomm's delegate, NNAPI, the Neural Engine. `xnnpack` is the CPU everywhere: of the
runtimes, ONNX Runtime runs it with its own kernels, and XNNPACK's are its `xnnpack-provider`."""


CALL_FLOOR = "call_floor"
"""The model whose artifacts are next to nothing: their time is that of the call itself."""

ACCELERATORS = frozenset({"gpu", "npu", "qnn", "nnapi", "ane"})
"""The delegates that are another processor than the CPU: what ran there has to be known."""


@dataclass(frozen=True)
class KeptOutput:
    """An output that has a role in the task, and the part of it that is kept.

    `output` is its name in the ONNX graph, which reductions use. `name` is its name in the file,
    and `index` its position among the file's outputs (Core ML finds outputs by name). Axis i of
    the file's output is axis `axes[i]` of the ONNX output, which the reduction starts from.
    """

    role: str
    output: str
    name: str
    index: int
    axes: tuple[int, ...]
    reduction: Reduction


@dataclass(frozen=True)
class StoredInput:
    """An input whose values are stored in the .npz, as the array `array` (N, ...) in ONNX's axes.

    `name` is the file's own name of the input, and `index` its place among the file's inputs (Core
    ML's go by name). Axis i of the file's input is axis `axes[i]` of ONNX's.
    """

    array: str
    name: str
    index: int
    axes: tuple[int, ...]


@dataclass(frozen=True)
class EvaluationInputs:
    """Inputs to run once: images (N, H, W, 3) uint8 and how they become the artifact's input.

    `file` is the .npz in the run's `files` folder. `mean` and `std` have a value for each channel
    of the input. For an input of one channel, an image first becomes 0.299 R + 0.587 G + 0.114 B.
    Then it becomes (image / 255 - mean) / std, then NCHW, then the file's own layout: axis i of
    the input is axis `axes[i]` of NCHW.
    If `arrays` is not empty, there are no images: each input has an array of its own, and `mean`,
    `std` and `axes` mean nothing.
    `outputs` are kept, each for a role of the task. Other outputs are ignored.
    """

    file: str
    sha256: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    axes: tuple[int, ...]
    outputs: tuple[KeptOutput, ...]
    arrays: tuple[StoredInput, ...] = ()


@dataclass(frozen=True)
class PlannedArtifact:
    """One artifact in one slot. `file` is its name in the run's `files` folder."""

    key: str
    file: str
    sha256: str
    format: str
    evaluation: EvaluationInputs | None


@dataclass(frozen=True)
class TurnLength:
    """One turn of a slot: `samples` in a row, of which the first `dropped` do not count.

    The first inferences after another model's find the caches as that model left them. A sample
    is the mean of `batch` inferences: one, unless they are so fast that reading the clock matters.
    A runner whose clock is too coarse even for that times several batches as one sample.
    """

    samples: int
    dropped: int
    batch: int


@dataclass(frozen=True)
class Group:
    """Slots that are measured against one baseline, and take turns with it."""

    name: str
    baseline: str
    slots: tuple[str, ...]
    turn: TurnLength


@dataclass(frozen=True)
class PlannedBlock:
    """One block: the slots of a group, loaded afresh, in the `order` of their turns.

    Between blocks the machine's state is read and the result is written; within a block nothing
    happens but inferences.
    """

    index: int
    process: int
    group: str
    order: tuple[str, ...]


@dataclass(frozen=True)
class Warmup:
    """When a slot is warm: the medians of two windows in a row differ by `tolerance` at most.

    Each block loads its slots and warms them up. `window` is a number of inferences. A slot that is
    not steady after `max_s` seconds is measured all the same, and the result says so.
    """

    window: int
    tolerance: float
    max_s: float


@dataclass(frozen=True)
class Cooldown:
    """How cool the device has to be before each measuring process.

    The runner waits until no sensor of the processor is more than `within_c` degrees Celsius above
    `start_c`, for at most `max_s` seconds. `start_c` has a temperature for each sensor; None means
    the temperatures at the start of the plan. On a device without sensors there is no wait.
    """

    within_c: float
    max_s: float
    start_c: dict[str, float] | None = None


@dataclass(frozen=True)
class Plan:
    """What to measure, in which order, how often, with which threads, cores and delegate.

    `cores` are the CPU cores to use, None for all. `processes` is the number of fresh processes
    that share the blocks. With `profile`, every artifact is run once more at the end, in a separate
    process under its runtime's profiler. Without `cooldown`, there is no wait between processes.
    With `images`, only the first `images` evaluation inputs are run.
    Whoever runs the plan may stop it after `first_look` processes or any later one, if the question
    is answered: the intervals allow for that many looks. If it equals `processes`, there is one.
    """

    SCHEMA: ClassVar[str] = "edgebench.plan/4"

    id: str
    seed: int
    threads: int
    cores: tuple[int, ...] | None
    delegate: Delegate
    artifacts: dict[str, PlannedArtifact]
    groups: tuple[Group, ...]
    processes: int
    first_look: int
    blocks: tuple[PlannedBlock, ...]
    warmup: Warmup
    profile: bool = False
    cooldown: Cooldown | None = None
    images: int | None = None
