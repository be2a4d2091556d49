"""What a search comes to: its last round, the Pareto front of it, and the choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from edgebench.benchmarks.search.candidates import NONE, Candidate, predicted
from edgebench.benchmarks.search.document import (
    Attempt,
    MeasuredCandidate,
    SearchDocument,
    SearchRequest,
)
from edgebench.benchmarks.search.halving import standing
from edgebench.estimate import Estimate
from edgebench.intervals import mean, share


@dataclass(frozen=True)
class Finalist:
    """A candidate of the last round.

    `top1` is over all its seeds, with Wilson's interval, which knows nothing of the spread over
    seeds. `predicted` is the sum of its stages' costs, None for what is not made of stages.
    `on_front` is whether no other is both faster and more accurate.
    """

    candidate: Candidate
    measured: MeasuredCandidate
    top1: Estimate
    predicted: float | None
    on_front: bool

    @property
    def overhead(self) -> float:
        return self.measured.overhead.value if self.measured.overhead else 0.0


@dataclass(frozen=True)
class Outcome:
    """All finalists, the fastest first, and what is chosen: the most accurate within the budget.

    `paper` is the published place, `choice` may be the backbone without attention. `gains` are the
    choice's top-1 over that of either, paired by seed, with Student's interval over seeds; empty
    for the choice itself, and for a single seed. `request` is what was searched.
    """

    SCHEMA: ClassVar[str] = "edgebench.search-outcome/1"

    request: SearchRequest
    machine: str
    finalists: tuple[Finalist, ...]
    choice: Finalist
    paper: Finalist
    gains: dict[str, Estimate]

    @property
    def share_of_paper(self) -> float | None:
        """The choice's overhead as a share of the published place's; None where that has none."""
        return self.choice.overhead / self.paper.overhead if self.paper.overhead > 0 else None


def outcome(document: SearchDocument) -> Outcome:
    """Of a search that has ended."""
    assert document.measured is not None and document.prices is not None
    last = standing(document).round
    by_label = {one.candidate: one for one in document.measured}
    found = [one for one in last.candidates if one.label in by_label]
    tops = {one.label: _top1(document.attempts, one, last.epochs) for one in found}
    points = [(by_label[one.label].latency_s, tops[one.label].value) for one in found]
    front = pareto(points)
    finalists = [
        Finalist(
            one,
            by_label[one.label],
            tops[one.label],
            predicted(one, document.prices) if one.stages else None,
            index in front,
        )
        for index, one in enumerate(found)
    ]
    finalists.sort(key=lambda one: one.measured.latency_s)
    within = [one for one in finalists if one.overhead <= document.request.budget]
    choice = max(
        within or [one for one in finalists if one.candidate.kind == NONE],
        key=lambda one: (one.top1.value, -one.measured.latency_s),
    )
    paper = next(one for one in finalists if one.candidate == Candidate(document.request.paper))
    gains = {
        other: gain
        for other in dict.fromkeys((NONE, paper.candidate.label))
        if other != choice.candidate.label
        and (gain := _gain(document.attempts, choice.candidate.label, other, last.epochs))
    }
    return Outcome(document.request, document.machine, tuple(finalists), choice, paper, gains)


def pareto(points: Sequence[tuple[float, float]]) -> set[int]:
    """Which of (cost, value) no other beats: none costs as little or less and is worth more, or
    costs less and is worth as much. Of equal points all are in it."""
    front = set()
    for index, (cost, value) in enumerate(points):
        beaten = any(
            other_cost <= cost
            and other_value >= value
            and (other_cost, other_value) != (cost, value)
            for other_cost, other_value in points
        )
        if not beaten:
            front.add(index)
    return front


def _gain(attempts: Sequence[Attempt], label: str, other: str, length: int) -> Estimate | None:
    first, second = (
        {one.seed: one.top1 for one in attempts if (one.candidate, one.epochs) == (name, length)}
        for name in (label, other)
    )
    differences = [first[seed] - second[seed] for seed in first if seed in second]
    return mean(differences) if len(differences) > 1 else None


def _top1(attempts: Sequence[Attempt], candidate: Candidate, length: int) -> Estimate:
    own = [one for one in attempts if (one.candidate, one.epochs) == (candidate.label, length)]
    return share(sum(one.correct for one in own), sum(one.count for one in own))
