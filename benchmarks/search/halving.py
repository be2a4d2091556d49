"""Successive halving: many short trainings, and longer ones of the better half.

Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
AISTATS 2016, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from edgebench.benchmarks.search.candidates import NONE, Candidate, proposals
from edgebench.benchmarks.search.document import Attempt, SearchDocument, SearchRequest

ROUNDS = 3


@dataclass(frozen=True)
class Round:
    """The candidates of a round, and how each is trained."""

    number: int
    candidates: tuple[Candidate, ...]
    epochs: int
    seeds: int

    @property
    def trainings(self) -> list[tuple[Candidate, int]]:
        return [(one, seed) for seed in range(self.seeds) for one in self.candidates]


@dataclass(frozen=True)
class Standing:
    """The round that a search is in, and what is still to be trained in it."""

    round: Round
    left: tuple[tuple[Candidate, int], ...]

    @property
    def ended(self) -> bool:
        return self.round.number == ROUNDS and not self.left


def epochs(request: SearchRequest, number: int) -> int:
    """Those of a round: the last has all, each before it half of the next."""
    return max(1, request.epochs >> (ROUNDS - number))


def standing(document: SearchDocument) -> Standing:
    """How far a search is. Its prices have to be known."""
    request = document.request
    assert document.prices is not None
    chosen = tuple(proposals(document.prices, request.budget, request.candidates))
    number = 1
    while True:
        last = number == ROUNDS
        # Those that the others are compared with are in the last round whatever they achieve.
        compared = (Candidate(NONE), Candidate(request.paper)) if last else ()
        current = Round(
            number, (*compared, *chosen), epochs(request, number), request.seeds if last else 1
        )
        done = {(one.candidate, one.seed) for one in _of(document, current.epochs)}
        left = tuple(one for one in current.trainings if (one[0].label, one[1]) not in done)
        if left or last:
            return Standing(current, left)
        chosen = survivors(chosen, _of(document, current.epochs))
        number += 1


def survivors(chosen: Sequence[Candidate], attempts: Sequence[Attempt]) -> tuple[Candidate, ...]:
    """The better half, rounded up, in the order that they had."""
    scores = {one.label: score(attempts, one) for one in chosen}
    ranked = sorted(chosen, key=lambda one: -scores[one.label])
    kept = ranked[: (len(ranked) + 1) // 2]
    return tuple(one for one in chosen if one in kept)


def score(attempts: Sequence[Attempt], candidate: Candidate) -> float:
    """Mean top-1 of a candidate's attempts, all of one length; there has to be one."""
    return fmean(one.top1 for one in attempts if one.candidate == candidate.label)


def _of(document: SearchDocument, length: int) -> list[Attempt]:
    return [one for one in document.attempts if one.epochs == length]
