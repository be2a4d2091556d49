"""One visit's inferences: those that warm up, and those that count."""

from __future__ import annotations

import statistics
import time
from typing import Callable  # noqa: UP035


def warm_up(
    invoke: Callable[[], None],
    window: int,
    tolerance: float,
    max_s: float,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> tuple[list[int], bool]:
    """Run windows of inferences until two in a row have nearly the same median."""
    times = timed(invoke, 0, window, clock)
    while sum(times) < max_s * 1e9:
        times += timed(invoke, 0, window, clock)
        before, last = times[-2 * window : -window], times[-window:]
        if abs(statistics.median(last) / statistics.median(before) - 1) <= tolerance:
            return times, True
    return times, False


def timed(
    invoke: Callable[[], None],
    min_s: float,
    min_inferences: int,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> list[int]:
    """The time of each inference, in ns, for a while; the clock is read right around it."""
    samples = []
    end = clock() + int(min_s * 1e9)
    while True:
        start = clock()
        invoke()
        stop = clock()
        samples.append(stop - start)
        if len(samples) >= min_inferences and stop >= end:
            return samples
