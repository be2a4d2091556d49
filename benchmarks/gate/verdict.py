"""The verdict: does the claim of "nearly no overhead" hold here, and can this run tell at all?

The claim is tested as an equivalence against a stated threshold: it is *supported* where the
overhead is below the threshold with 95 % confidence, *refuted* where it is above with 95 %
confidence, and *undecided* in between. Where a check of the run fails there is *no verdict*; the
numbers stay, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgebench.benchmarks.formatting import signed, signed_in
from edgebench.benchmarks.gate.noise_floor import NoiseFloor
from edgebench.benchmarks.gate.run_checks import Evidence, reasons_against, remarks
from edgebench.benchmarks.statistics.paired import Overhead

Outcome = Literal["supported", "refuted", "undecided", "no difference", "no verdict"]


@dataclass(frozen=True)
class Verdict:
    """The outcome, one sentence for a person, and why there is no verdict where there is none.

    `remedies` are what to do about each of the reasons. `notes` are remarks that do not take the
    verdict away. `forced` is what would be said if the run could be trusted.
    """

    outcome: Outcome
    sentence: str
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    forced: str | None = None


def judge(evidence: Evidence, floor: NoiseFloor | None = None) -> Verdict:
    """Judge one model against its baseline, if the run can be trusted with that.

    With the device's noise floor an overhead that does not rise above it is never called real: it
    cannot refute the claim, and the sentence says so.
    """
    findings = reasons_against(evidence)
    notes = tuple(one.reason for one in remarks(evidence))
    trusting = _trusting(evidence, evidence.overhead, floor, notes) if evidence.overhead else None
    if trusting and not findings:
        return trusting
    reasons = tuple(one.reason for one in findings) or ("nothing was measured",)
    judged = evidence.model + (" against itself" if evidence.against_itself else "")
    return Verdict(
        "no verdict",
        f"no verdict on {judged}: {reasons[0]}.",
        reasons,
        notes,
        remedies=tuple(one.remedy for one in findings),
        forced=trusting.sentence if trusting else None,
    )


def _trusting(
    evidence: Evidence, overhead: Overhead, floor: NoiseFloor | None, notes: tuple[str, ...]
) -> Verdict:
    """The verdict of a run that stood up to its checks."""
    allowed = f"{evidence.threshold * 100:.3g} %"
    measured = signed_in(overhead.value, overhead.interval)
    if evidence.against_itself:
        return Verdict(*_noise_floor(evidence, overhead, measured), (), notes)
    outcome: Outcome
    noise = floor.reach if floor is not None else 0.0
    if overhead.equivalence.high < evidence.threshold:
        outcome, tail = "supported", f"within the {allowed} allowed"
    elif overhead.equivalence.low > max(evidence.threshold, noise):
        outcome, tail = "refuted", f"more than the {allowed} allowed{_though(evidence)}"
    else:
        outcome, tail = "undecided", f"too uncertain to tell from the {allowed} allowed"
    claim = f"costs {measured} here" if overhead.interval.high > 0 else f"is faster, {measured}"
    if abs(overhead.value) <= noise:
        claim = f"shows {measured} here, no more than noise does ({signed(noise).lstrip('+')})"
    return Verdict(outcome, f"{outcome}: {evidence.model} {claim}, {tail}.", (), notes)


def _though(evidence: Evidence) -> str:
    madds = evidence.madds_overhead
    if madds is None or madds >= evidence.threshold:
        return ""
    return f", though it adds only {signed(madds)} multiply-adds"


def _noise_floor(evidence: Evidence, overhead: Overhead, measured: str) -> tuple[Outcome, str]:
    against = f"{evidence.model} against itself shows {measured}"
    within = -evidence.threshold < overhead.equivalence.low and (
        overhead.equivalence.high < evidence.threshold
    )
    if not within:
        return "undecided", f"undecided: {against}; this machine is too noisy for the threshold."
    if overhead.interval.low <= 0 <= overhead.interval.high:
        return "no difference", f"no difference: {against}."
    return (
        "no difference",
        f"no difference that matters: {against}; overheads as small as that are not real here.",
    )
