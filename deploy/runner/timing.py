"""The inferences of one slot: those that warm it up, and those of a turn."""

from __future__ import annotations

import statistics
import time
from typing import Callable, List, Tuple  # noqa: UP035

Times = List[int]  # noqa: UP006  Nanoseconds.

COARSEST_CPU_CLOCK_NS = 1000
"""The shortest samples take some hundreds of microseconds."""


def warm_up(
    invoke: Callable[[], None],
    window: int,
    tolerance: float,
    max_s: float,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> Tuple[Times, bool]:  # noqa: UP006
    """Run windows of inferences until two in a row have nearly the same median."""
    times = _window(invoke, window, clock)
    while sum(times) < max_s * 1e9:
        times += _window(invoke, window, clock)
        before, last = times[-2 * window : -window], times[-window:]
        if abs(statistics.median(last) / statistics.median(before) - 1) <= tolerance:
            return times, True
    return times, False


def _window(invoke: Callable[[], None], window: int, clock: Callable[[], int]) -> Times:
    return take_turn(invoke, window, 1, clock, clock)[0]


def cpu_clock_is_fine() -> bool:
    """Whether the clock of the process's CPU time can time a sample."""
    resolution_s = time.get_clock_info("process_time").resolution
    return round(resolution_s * 1e9) <= COARSEST_CPU_CLOCK_NS


def take_turn(
    invoke: Callable[[], None],
    samples: int,
    batch: int,
    clock: Callable[[], int] = time.perf_counter_ns,
    cpu_clock: Callable[[], int] = time.process_time_ns,
) -> Tuple[Times, Times]:  # noqa: UP006
    """The wall and the CPU time of each sample, in ns an inference.

    A sample is `batch` inferences. The clock is read right around them, and the CPU's around that.
    """
    wall, cpu = [], []
    for _ in range(samples):
        used = cpu_clock()
        start = clock()
        for _ in range(batch):
            invoke()
        stop = clock()
        cpu.append(round((cpu_clock() - used) / batch))
        wall.append(round((stop - start) / batch))
    return wall, cpu
