"""What a search was asked, and all that it has found out: one document, from which it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edgebench.estimate import Estimate


@dataclass(frozen=True)
class SearchRequest:
    """What is searched.

    `backbone` is the model without attention, `target` a format and precision. `budget` is the
    largest overhead over the backbone, as a share. `kinds` are tried at every choice of stages;
    `paper` is the kind that is measured and trained at its published place, to compare with.
    `candidates` so many are trained in the first round and half as many in each of the next, for
    twice the `epochs`, which are those of the last round; all in that round are trained with
    `seeds` seeds. `trained` is the model whose trainings stand for the backbone's: itself, or a
    narrow one on small images.
    """

    backbone: str
    device: str
    target: str
    budget: float
    kinds: tuple[str, ...]
    paper: str
    data: str
    trained: str
    candidates: int
    epochs: int
    seeds: int
    threads: int
    measure_s: float


@dataclass(frozen=True)
class StagePrice:
    """What a kind in one stage alone costs on the device: its measured overhead, as a share."""

    kind: str
    stage: int
    overhead: Estimate


@dataclass(frozen=True)
class Attempt:
    """A training and the top-1 that it reached. `candidate` is `Candidate.label`."""

    candidate: str
    epochs: int
    seed: int
    correct: int
    count: int

    @property
    def top1(self) -> float:
        """A share."""
        return self.correct / self.count


@dataclass(frozen=True)
class Measured:
    """A whole model, measured side by side with the others of the last round.

    `overhead` is over the backbone; None for the backbone itself. `trusted` is whether the run
    passed its checks for this model.
    """

    candidate: str
    model: str
    latency_s: float
    overhead: Estimate | None
    trusted: bool = True


@dataclass(frozen=True)
class SearchDocument:
    """A search under way or ended.

    `prices` and `measured` are None before they are known. `machine` describes the device.
    """

    SCHEMA: ClassVar[str] = "edgebench.search/1"

    request: SearchRequest
    machine: str = ""
    prices: tuple[StagePrice, ...] | None = None
    attempts: tuple[Attempt, ...] = ()
    measured: tuple[Measured, ...] | None = None
