"""Kinds of attention at choices of stages, and which of them are worth training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from edgebench.benchmarks.search.document import StagePrice

NONE = "none"


@dataclass(frozen=True)
class Candidate:
    """A kind in some stages; in none of them without attention, and without stages published."""

    kind: str
    stages: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        """What stands behind the backbone in a model's name: `ca_at45`, or `ca` as published."""
        return self.kind + (f"_at{''.join(map(str, self.stages))}" if self.stages else "")


def predicted(candidate: Candidate, prices: Sequence[StagePrice]) -> float | None:
    """The sum of what its stages cost alone, as a share of the backbone's time.

    An extrapolation: stages together may cost more or less. A stage that was measured to cost less
    than nothing costs nothing. None where a stage's price is not known.
    """
    known = {(one.kind, one.stage): one.overhead.value for one in prices}
    try:
        return sum(max(known[candidate.kind, stage], 0.0) for stage in candidate.stages)
    except KeyError:
        return None


def affordable(prices: Sequence[StagePrice], budget: float) -> Iterator[Candidate]:
    """Every kind at every choice of stages that is predicted to stay within the budget."""
    for kind in dict.fromkeys(one.kind for one in prices):
        stages = sorted(one.stage for one in prices if one.kind == kind)
        for count in range(len(stages), 0, -1):
            for chosen in combinations(stages, count):
                candidate = Candidate(kind, chosen)
                cost = predicted(candidate, prices)
                if cost is not None and cost <= budget:
                    yield candidate


def proposals(prices: Sequence[StagePrice], budget: float, count: int) -> list[Candidate]:
    """So many candidates to train, kinds in turn.

    Of each kind first the choices to which no stage could be added within the budget, for more
    attention is what the budget is for, then the others from the cheapest on.
    """
    found = list(affordable(prices, budget))
    rows = []
    for kind in dict.fromkeys(one.kind for one in found):
        of_kind = [one for one in found if one.kind == kind]
        full = [one for one in of_kind if not any(_within(one, other) for other in of_kind)]
        rest = [one for one in of_kind if one not in full]
        rows.append([*full, *sorted(rest, key=lambda one: predicted(one, prices) or 0.0)])
    turns = max(map(len, rows), default=0)
    return [row[turn] for turn in range(turns) for row in rows if turn < len(row)][:count]


def _within(one: Candidate, other: Candidate) -> bool:
    return set(one.stages) < set(other.stages)
