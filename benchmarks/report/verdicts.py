"""A verdict as a sentence."""

from __future__ import annotations

import math

from edgebench.benchmarks.formatting import signed, signed_in, threshold, unsigned
from edgebench.benchmarks.gate.verdict import Outcome
from edgebench.benchmarks.report.columns import UNTRUSTED
from edgebench.benchmarks.report.wording import sentence
from edgebench.benchmarks.results.comparison import ModelRow
from edgebench.benchmarks.statistics.paired import Overhead


def verdict(row: ModelRow, allowed: float, force: bool = False) -> str:
    """The verdict on a row whose overhead may be `allowed`, a fraction, at most.

    With `force` a verdict that is withheld is given nevertheless, marked, with the reason. A row
    without a verdict has no sentence: ''.
    """
    found = row.verdict
    if found is None:
        return ""
    if found.outcome != "no verdict":
        return _judged(row, found.outcome, allowed)
    reason = sentence(found.reasons[0])
    if force and found.forced is not None:
        judged = _judged(row, found.forced, allowed)
        return f"{UNTRUSTED} {judged} But the run cannot be trusted: {reason}."
    return f"no verdict on {row.model}{' against itself' * row.against_itself}: {reason}."


def _judged(row: ModelRow, outcome: Outcome, allowed: float) -> str:
    assert row.overhead is not None and row.verdict is not None
    measured = signed_in(row.overhead.value, row.overhead.interval)
    if row.against_itself:
        return _against_itself(
            outcome, f"{row.model} against itself shows {measured}", row.overhead, _longer(row)
        )
    claim = f"costs {measured} here" if row.overhead.interval.high > 0 else f"is faster, {measured}"
    if abs(row.overhead.value) <= row.verdict.noise:
        noise = unsigned(row.verdict.noise)
        claim = f"shows {measured} here, no more than the noise floor ({noise})"
    limit = f"the {threshold(allowed)} allowed"
    if outcome == "supported":
        return f"supported: {row.model} {claim}, within {limit}."
    if outcome == "undecided":
        known = f"below {unsigned(row.overhead.equivalence.high)} with 95 % confidence"
        return (
            f"undecided: {row.model} {claim}: {known}, too uncertain to compare with {limit}"
            f"{_longer(row)}."
        )
    though = ""
    if row.madds_overhead is not None and row.madds_overhead < allowed:
        though = f", although it adds only {signed(row.madds_overhead)} multiply-adds"
    return f"refuted: {row.model} {claim}, more than {limit}{though}."


def _longer(row: ModelRow) -> str:
    """What it takes to decide."""
    times = row.verdict.times_longer if row.verdict else None
    return f"; a run about {math.ceil(times)} times as long would tell" if times else ""


def _against_itself(outcome: Outcome, shows: str, overhead: Overhead, longer: str) -> str:
    if outcome == "undecided":
        return f"undecided: {shows}; this machine is too noisy for the threshold{longer}."
    if overhead.interval.low <= 0 <= overhead.interval.high:
        return f"no difference: {shows}."
    return f"no difference that matters: {shows}; overheads as small as that are noise here."
