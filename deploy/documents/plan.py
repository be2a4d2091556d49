"""The plan: all that a device needs to know to measure, as one JSON file.

A plan names its files by content, so that it is the same on every machine and its hash says
whether a result belongs to it. A *slot* is one artifact's place in the measurement; the same
artifact may hold two slots, which is how a device is measured against itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from edgebench.tasks.reduction import Reduction

Delegate = Literal["xnnpack", "none", "gpu", "nnapi", "ane"]
"""What runs a graph beside the runtime: XNNPACK, nothing, the GPU, NNAPI, the Neural Engine."""


@dataclass(frozen=True)
class KeptOutput:
    """An output that holds a role, and what of it is kept.

    `output` is its name in the ONNX graph, by which reductions refer to it, `name` the file's own
    name of it, and `index` its place among the file's outputs (Core ML's go by name). Axis i of
    the file's output is axis `axes[i]` of ONNX's, which the reduction starts from.
    """

    role: str
    output: str
    name: str
    index: int
    axes: tuple[int, ...]
    reduction: Reduction


@dataclass(frozen=True)
class EvaluationInputs:
    """Images (N, H, W, 3) uint8 to run once, and how they become the artifact's input.

    `file` is the .npz in the run's `files` folder. `mean` and `std` have a value for each channel
    of the input; where that is one, an image becomes 0.299 R + 0.587 G + 0.114 B first. Then it
    becomes (image / 255 - mean) / std, then NCHW, then the file's own layout: axis i of the input
    is axis `axes[i]` of NCHW.
    `outputs` are kept, each for a role of the task; the others are not looked at.
    """

    file: str
    sha256: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    axes: tuple[int, ...]
    outputs: tuple[KeptOutput, ...]


@dataclass(frozen=True)
class PlannedArtifact:
    """One artifact in one slot. `file` is its name in the run's `files` folder."""

    key: str
    file: str
    sha256: str
    format: str
    evaluation: EvaluationInputs | None


@dataclass(frozen=True)
class Group:
    """Slots that are measured against one baseline, and share its visits."""

    name: str
    baseline: str
    slots: tuple[str, ...]


@dataclass(frozen=True)
class PlannedBlock:
    """One block: visits to every slot of a group, there and back again.

    `order` is a palindrome such as A B C C B A, so that each slot's mean place in time is the
    same and a steady drift of the machine's speed cancels.
    """

    index: int
    process: int
    group: str
    order: tuple[str, ...]


@dataclass(frozen=True)
class Warmup:
    """When a visit is warm: the medians of two windows in a row differ by `tolerance` at most.

    `window` is a number of inferences. A visit that is not steady after `max_s` seconds goes on
    to its timed inferences and says so.
    """

    window: int
    tolerance: float
    max_s: float


@dataclass(frozen=True)
class VisitLength:
    """A visit's timed inferences last `min_s` seconds and number `min_inferences`, at least."""

    min_s: float
    min_inferences: int


@dataclass(frozen=True)
class Cooldown:
    """How cool the device is to be before each measuring process.

    It is waited for until no sensor of the processor is more than `within_c` degrees Celsius
    above `start_c`, for `max_s` seconds at most. `start_c`, by sensor, is None for what they say
    when the plan begins. A device without sensors is not waited for.
    """

    within_c: float
    max_s: float
    start_c: dict[str, float] | None = None


@dataclass(frozen=True)
class Plan:
    """What to measure, in which order, how often, with which threads, cores and delegate.

    `cores` are the CPU cores to stay on, None for all. `processes` is the number of fresh
    processes that the blocks are dealt to. With `profile` every artifact is run once more in the
    end, in a process of its own, under its runtime's profiler. Without `cooldown` processes follow
    each other at once. With `images` the first that many evaluation inputs are run and no more.
    """

    SCHEMA: ClassVar[str] = "edgebench.plan/3"

    id: str
    seed: int
    threads: int
    cores: tuple[int, ...] | None
    delegate: Delegate
    artifacts: dict[str, PlannedArtifact]
    groups: tuple[Group, ...]
    processes: int
    blocks: tuple[PlannedBlock, ...]
    warmup: Warmup
    visit: VisitLength
    profile: bool = False
    cooldown: Cooldown | None = None
    images: int | None = None
