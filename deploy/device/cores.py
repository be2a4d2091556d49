"""Numbers of cores and how to write them: 4-7, or f0 for `taskset`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby


def mask(cores: Iterable[int]) -> str:
    """The cores as a hexadecimal mask for `taskset`: bit n, from the right, is core n."""
    return f"{sum(1 << core for core in set(cores)):x}"


def numbers(text: str) -> tuple[int, ...]:
    """The numbers in a list such as 0-3,6, in its order. Raises `ValueError`."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        cores = range(int(first), int(last if dash else first) + 1)
        if not cores:
            raise ValueError(f"{part!r} names no core")
        found += cores
    return tuple(dict.fromkeys(found))


def ranges(cores: Iterable[int]) -> str:
    """Core numbers as a list such as 0-3,6."""
    parts = []
    for _, run in groupby(enumerate(sorted(set(cores))), key=lambda pair: pair[1] - pair[0]):
        ends = [core for _, core in run]
        parts.append(f"{ends[0]}-{ends[-1]}" if len(ends) > 1 else str(ends[0]))
    return ",".join(parts)
