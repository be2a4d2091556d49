"""The steps of a search, each of which gives the document as it is after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edgebench import console
from edgebench.benchmarks.search.candidates import affordable
from edgebench.benchmarks.search.document import SearchDocument
from edgebench.benchmarks.search.halving import ROUNDS, standing
from edgebench.commands.search import measurements, trainings
from edgebench.errors import EdgeBenchError
from edgebench.progress import Progress


class NothingAffordableError(EdgeBenchError):
    """No attention stays within the budget."""


def rest(document: SearchDocument, folder: Path) -> Iterator[SearchDocument]:
    """Do what is left of a search. It may be interrupted at any moment and begun again.

    Raises `NothingAffordableError`, and what runs and trainings raise.
    """
    if document.prices is None:
        priced, machine = measurements.prices(document.request, folder)
        document = replace(document, prices=priced, machine=machine)
        yield document
    _require_affordable(document)
    with console.shown_progress() as progress:
        for further in _trained(document, folder, progress):
            document = further
            yield document
    if document.measured is None:
        last = standing(document).round
        measured = measurements.finals(document.request, last.candidates, folder)
        document = replace(document, measured=measured)
        yield document


def _trained(
    document: SearchDocument, folder: Path, progress: Progress
) -> Iterator[SearchDocument]:
    said = 0
    while (now := standing(document)).left:
        if now.round.number != said:
            said = now.round.number
            names = ", ".join(one.label for one in now.round.candidates)
            console.say(f"round {said} of {ROUNDS}, {now.round.epochs} epochs each: {names}")
        candidate, seed = now.left[0]
        states = folder / "trainings"
        attempt = trainings.train(
            document.request, candidate, now.round.epochs, seed, states, progress
        )
        document = replace(document, attempts=(*document.attempts, attempt))
        yield document


def _require_affordable(document: SearchDocument) -> None:
    request, prices = document.request, document.prices or ()
    if next(affordable(prices, request.budget), None) is not None:
        return
    if not prices:
        raise NothingAffordableError(
            f"none of {', '.join(request.kinds)} could be measured", "choose other --kinds"
        )
    cheapest = min(prices, key=lambda one: one.overhead.value)
    raise NothingAffordableError(
        f"no attention stays within {request.budget:.0%}: the cheapest, {cheapest.kind} in stage "
        f"{cheapest.stage}, costs {cheapest.overhead.value:.1%}",
        "give a larger --budget or other --kinds, and another --out",
    )
