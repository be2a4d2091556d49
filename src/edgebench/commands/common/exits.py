"""The exit codes of commands, and which of several counts."""

from __future__ import annotations

from collections.abc import Iterable

DONE = 0
FAILED = 1
NO_VERDICT = 3
ABOVE = 4
"""A gate has failed."""
INTERRUPTED = 130

SEVERITY = (DONE, NO_VERDICT, ABOVE, FAILED, INTERRUPTED)
"""From the best to the worst: what is not finished says the least."""


def worst(codes: Iterable[int]) -> int:
    """The code that stands for all."""
    return max(codes, key=SEVERITY.index, default=DONE)
