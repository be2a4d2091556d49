"""The verdict: does the claim of "nearly no overhead" hold here, and can this run tell at all?

The claim is tested as an equivalence against a stated threshold: it is *supported* where the
overhead is below the threshold with 95 % confidence, *refuted* where it is above with 95 %
confidence, and *undecided* in between. If a check of the run fails there is *no verdict*; the
figures are kept, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.gate.noise_floor import NoiseFloor
from edgebench.benchmarks.gate.run_checks import Evidence, notes_beside, reasons_against
from edgebench.benchmarks.statistics.paired import Overhead

Outcome = Literal["supported", "refuted", "undecided", "no difference", "no verdict"]


@dataclass(frozen=True)
class Verdict:
    """The outcome, and why there is no verdict where there is none.

    `reasons` are the checks that failed; there is one at least where there is no verdict, and none
    otherwise. `notes` do not withhold the verdict. `forced` is the outcome if no check counted,
    None where nothing was measured. `noise` is the largest overhead, either way, that the device's
    noise floor explains; 0 where the floor is not known.
    """

    outcome: Outcome
    reasons: tuple[Diagnostic, ...] = ()
    notes: tuple[Diagnostic, ...] = ()
    forced: Outcome | None = None
    noise: float = 0.0


def judge(evidence: Evidence, floor: NoiseFloor | None = None) -> Verdict:
    """Judge one model against its baseline, if the run can be trusted with that.

    With the device's noise floor an overhead that does not rise above it is never called real: it
    cannot refute the claim.
    """
    noise = floor.reach if floor is not None else 0.0
    reasons, notes = reasons_against(evidence), notes_beside(evidence)
    forced = _outcome(evidence, evidence.overhead, noise) if evidence.overhead else None
    if forced is None or reasons:
        assert reasons, "too few processes for an overhead are a reason"
        return Verdict("no verdict", reasons, notes, forced, noise)
    return Verdict(forced, (), notes, forced, noise)


def _outcome(evidence: Evidence, overhead: Overhead, noise: float) -> Outcome:
    """What the overhead says, whether or not the run can be trusted with it."""
    low, high = overhead.equivalence.low, overhead.equivalence.high
    if evidence.against_itself:
        within = -evidence.threshold < low and high < evidence.threshold
        return "no difference" if within else "undecided"
    if high < evidence.threshold:
        return "supported"
    return "refuted" if low > max(evidence.threshold, noise) else "undecided"
