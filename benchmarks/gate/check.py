"""What a check is: a question with a name and a threshold, and a remedy where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

E = TypeVar("E")


@dataclass(frozen=True)
class Finding:
    """A check that failed: why, and what to do about it."""

    check: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Check(Generic[E]):
    """`find` gets the evidence and the threshold, and says what is wrong, or None."""

    name: str
    threshold: float
    find: Callable[[E, float], str | None]
    remedy: str


def failed(checks: Iterable[Check[E]], evidence: E) -> tuple[Finding, ...]:
    """The findings of all checks that fail, in their order."""
    said = ((check, check.find(evidence, check.threshold)) for check in checks)
    return tuple(Finding(one.name, reason, one.remedy) for one, reason in said if reason)
