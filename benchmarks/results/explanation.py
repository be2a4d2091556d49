"""The explanation: which of a model's operations its overhead comes from, as one document.

It has three sources, which are never mixed: what was measured by removing attention from one stage
at a time, with intervals; the runtime's own profile of one inference; and what the operations
compute and move, which is counted and not measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.converters.artifact import OperationKind
from edgebench.intervals import Estimate


@dataclass(frozen=True)
class Counted:
    """What some operations compute and move, from their shapes and types."""

    operations: int
    madds: int
    elementwise: int
    bytes_moved: int


@dataclass(frozen=True)
class StageCost:
    """What the attention of one stage costs: the whole model's time less that without it.

    `cost_s` and `share`, its part of the whole overhead, are measured; None if they
    cannot be. `share` needs a whole overhead that is above zero with confidence. `profiled_s` is
    the time of its operations under the profiler. `reasons` say why not to rely on the cost.
    """

    stage: int
    side: int
    blocks: int
    cost_s: Estimate | None
    share: Estimate | None
    profiled_s: float | None
    counted: Counted
    reasons: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class KindCost:
    """What one kind of operation of the attention takes, or all of the rest (`kind` is None)."""

    kind: OperationKind | None
    profiled_s: float | None
    counted: Counted


@dataclass(frozen=True)
class RooflinePoint:
    """One operation: counted work and bytes, and its seconds under the profiler."""

    name: str
    type: str
    kind: OperationKind
    stage: int | None
    attention: bool
    work: int
    bytes_moved: int
    profiled_s: float


@dataclass(frozen=True)
class Profiled:
    """The whole profile. `placed` is the share of its time whose operation was found."""

    source: str
    whole_s: float
    operations_s: float
    placed: float


@dataclass(frozen=True)
class Explained:
    """One model of one group. `whole_s` is its overhead over the baseline in seconds.

    `remainder_s` is the whole less the sum of the stages.
    """

    group: str
    model: str
    baseline: str
    format: str
    precision: str
    baseline_s: float | None
    whole_s: Estimate | None
    remainder_s: Estimate | None
    stages: tuple[StageCost, ...]
    kinds: tuple[KindCost, ...]
    profile: Profiled | None
    roofline: tuple[RooflinePoint, ...]
    reasons: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class Explanation:
    """The explanation of all models of a run."""

    SCHEMA: ClassVar[str] = "edgebench.explanation/2"

    run: str
    device: str
    models: tuple[Explained, ...]
