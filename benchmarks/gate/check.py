"""What a check is: a function of the evidence, and the threshold that it is called with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from edgebench.benchmarks.diagnostic import Diagnostic, Values

E = TypeVar("E")


@dataclass(frozen=True)
class Check(Generic[E]):
    """`find` gets the evidence and the threshold, and returns what it found wrong, or None."""

    find: Callable[[E, float], Values | None]
    threshold: float = 0

    @property
    def id(self) -> str:
        return self.find.__name__


def failed(checks: Iterable[Check[E]], evidence: E) -> tuple[Diagnostic, ...]:
    """What the checks that fail have found, in their order."""
    found = ((check.id, check.find(evidence, check.threshold)) for check in checks)
    return tuple(Diagnostic(id, values) for id, values in found if values is not None)
