"""What a search found, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from edgebench.benchmarks.formatting import signed, threshold
from edgebench.benchmarks.search.candidates import NONE
from edgebench.benchmarks.search.document import SearchDocument
from edgebench.benchmarks.search.outcome import Finalist, Outcome
from edgebench.estimate import Estimate

LEGEND = (
    "*: on the Pareto front, no other is both faster and more accurate. >: the choice, the most "
    "accurate within the budget. predicted: the sum of the stages' costs, an extrapolation."
)


def attention(one: Finalist, found: Outcome) -> str:
    """A finalist's attention: `ca_at45`, or `ca (published)`."""
    return one.candidate.label + (" (published)" if one == found.paper else "")


def headline(found: Outcome) -> str:
    """The choice in one line."""
    request = found.request
    where = f"{request.backbone} in {request.target} on {request.device}"
    if found.choice.candidate.kind == NONE:
        return f"{where}: no attention, within {threshold(request.budget)}"
    cost = signed(found.choice.overhead)
    return f"{where}: {found.choice.measured.model}, {cost}"


def _points(gain: Estimate) -> str:
    low, high = 100 * gain.low, 100 * gain.high
    return f"{100 * gain.value:+.1f} points [{low:.1f}, {high:.1f}]"


def sentences(document: SearchDocument, found: Outcome) -> Iterator[str]:
    """The comparison with the published place, then what was measured and what was not."""
    request, choice, paper = found.request, found.choice, found.paper
    part = found.share_of_paper
    if choice.candidate.kind == NONE:
        yield (
            f"No attention within the budget was more accurate than none; {request.paper} at its "
            f"published place costs {signed(paper.overhead)}."
        )
    elif part is not None and choice != paper:
        yield (
            f"{choice.candidate.label} costs {signed(choice.overhead)} and {request.paper} at its "
            f"published place {signed(paper.overhead)}: {max(part, 0):.0%} of it."
        )
    if found.gains:
        named = {NONE: "no attention", paper.candidate.label: f"{request.paper} as published"}
        each = (f"{_points(gain)} over {named[other]}" for other, gain in found.gains.items())
        yield f"Top-1 of the choice, paired by seed: {', '.join(each)}."
    elif choice != paper or choice.candidate.kind != NONE:
        yield "One seed tells no gain from chance: --seeds 3 gives an interval."
    yield (
        f"Measured on {request.device} ({document.machine}): each stage of "
        f"{', '.join(request.kinds)} alone, and the models of this table side by side. "
        f"Extrapolated: the costs by which {request.candidates} candidates at most were chosen."
    )
    of_other = "" if request.trained == request.backbone else f", of {request.trained} in its place"
    seeds = f"{request.seeds} seed{'s' * (request.seeds > 1)}"
    yield (
        f"Trained on {request.data}{of_other}: {request.epochs} epochs, {seeds}. The intervals of "
        "top-1 in the table are over images; seeds add more."
    )
    doubtful = [one for one in found.finalists if not one.measured.trusted]
    if doubtful:
        names = ", ".join(one.candidate.label for one in doubtful)
        yield f"A check of the run failed for {names}: measure again on a quiet device."
