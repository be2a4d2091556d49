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
from edgebench.benchmarks.gate.run_checks import (
    Evidence,
    notes_beside,
    reasons_against,
    understates,
)
from edgebench.benchmarks.statistics.paired import Overhead

Outcome = Literal["supported", "refuted", "undecided", "no difference", "no verdict"]


@dataclass(frozen=True)
class Verdict:
    """The outcome, and why there is no verdict where there is none.

    `reasons` are the checks that failed; there is one at least where there is no verdict, and none
    otherwise. `notes` do not withhold the verdict. `forced` is the outcome if no check counted,
    None where nothing was measured. `noise` is the largest overhead, either way, that the device's
    noise floor explains; 0 where the floor is not known. `times_longer` says of an undecided one by
    which factor longer a run would be that decides, if the overhead is what it seems; None if no
    run of a reasonable length would.
    """

    outcome: Outcome
    reasons: tuple[Diagnostic, ...] = ()
    notes: tuple[Diagnostic, ...] = ()
    forced: Outcome | None = None
    noise: float = 0.0
    times_longer: float | None = None


LONGEST = 100.0
"""More times longer than this is not worth saying: the overhead is at the threshold."""


def judge(evidence: Evidence, floor: NoiseFloor | None = None) -> Verdict:
    """Judge one model against its baseline, if the run can be trusted with that.

    With the device's noise floor an overhead that does not rise above it is never called real: it
    cannot refute the claim. What is refuted is so all the more if it costs more than was measured:
    that bias is a note.
    """
    noise = floor.reach if floor is not None else 0.0
    reasons, notes = reasons_against(evidence), notes_beside(evidence)
    forced = _outcome(evidence, evidence.overhead, noise) if evidence.overhead else None
    if forced == "refuted":
        notes = (*(one for one in reasons if understates(evidence, one)), *notes)
        reasons = tuple(one for one in reasons if not understates(evidence, one))
    if forced is None or reasons:
        assert reasons, "too few processes for an overhead are a reason"
        return Verdict("no verdict", reasons, notes, forced, noise)
    longer = _times_longer(evidence, evidence.overhead, noise) if forced == "undecided" else None
    return Verdict(forced, (), notes, forced, noise, longer)


def _times_longer(evidence: Evidence, overhead: Overhead | None, noise: float) -> float | None:
    """An interval narrows with the square root of the measuring time."""
    assert overhead is not None
    limit = max(evidence.threshold, noise)
    value, low, high = overhead.value, overhead.equivalence.low, overhead.equivalence.high
    if evidence.against_itself:
        value, low, high = max((value, low, high), (-value, -high, -low))
    reach = high - value if value < limit else value - low
    distance = abs(value - limit)
    if distance == 0 or (longer := (reach / distance) ** 2) > LONGEST:
        return None
    return max(longer, 1.0)


def _outcome(evidence: Evidence, overhead: Overhead, noise: float) -> Outcome:
    """What the overhead says, whether or not the run can be trusted with it."""
    low, high = overhead.equivalence.low, overhead.equivalence.high
    if evidence.against_itself:
        within = -evidence.threshold < low and high < evidence.threshold
        return "no difference" if within else "undecided"
    if high < evidence.threshold:
        return "supported"
    return "refuted" if low > max(evidence.threshold, noise) else "undecided"
