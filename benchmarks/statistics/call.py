"""The call itself: what an inference takes besides the model, and what it hides.

To hand a graph to an accelerator and take its answer back takes time, whatever it computes. Of a
small model that may be most of its latency. Then an overhead in per cent of the latency says
little of what the model itself costs: it is diluted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.benchmarks.statistics import paired
from edgebench.benchmarks.statistics.levels import PairedTimes
from edgebench.benchmarks.statistics.looks import fewest_processes
from edgebench.benchmarks.statistics.paired import Floats
from edgebench.intervals import Estimate


@dataclass(frozen=True)
class CallTimes:
    """By process, the seconds of an almost empty graph, and how two of them differ."""

    level_s: Mapping[int, float]
    difference_s: Mapping[int, float]

    @property
    def level(self) -> Estimate | None:
        """Seconds, with the interval over processes; None of too few."""
        return _centre(np.array(list(self.level_s.values())))

    @property
    def reach_s(self) -> float | None:
        """The largest difference, either way, that two empty graphs show here."""
        found = _centre(np.array(list(self.difference_s.values())))
        return None if found is None else max(abs(found.low), abs(found.high))


@dataclass(frozen=True)
class Call:
    """What the call's floor says of one model and its baseline.

    `share` is the part of the baseline's latency that the call is. `net` is the overhead over what
    is left of that, a fraction with its interval: an estimate, which takes call and model for
    additive. It is None where so little is left that its interval reaches half of it.
    `reach_s` is the largest difference that two empty graphs show, and `rest_s` what is left of the
    baseline's latency.
    """

    share: float
    net: Estimate | None
    reach_s: float
    rest_s: float

    def resolves(self, threshold: float) -> bool:
        """Whether an overhead below the threshold is one of the model, and not only of the call."""
        within = self.net is not None and self.net.high < threshold
        return within and self.reach_s <= threshold * self.rest_s


def call_times(processes: Sequence[PairedTimes]) -> CallTimes:
    """From an almost empty graph that is measured against itself."""
    return CallTimes(
        level_s={one.process: one.baseline_s for one in processes},
        difference_s={one.process: one.difference_s for one in processes},
    )


def call(floor: CallTimes, processes: Sequence[PairedTimes], comparisons: int) -> Call | None:
    """The model of those processes beside the call; None where too few have both."""
    both = [one for one in processes if one.process in floor.level_s]
    reach_s = floor.reach_s
    if reach_s is None or len(both) < fewest_processes(comparisons):
        return None
    calls = np.array([floor.level_s[one.process] for one in both])
    baselines = np.array([one.baseline_s for one in both])
    rest = baselines - calls
    own = rest + np.array([one.difference_s for one in both])
    left = _centre(rest)
    net = None
    if left is not None and left.low > left.value / 2 > 0 and min(rest.min(), own.min()) > 0:
        logs = paired.centre(np.log(own / rest), comparisons)
        net = Estimate(*(float(np.expm1(one)) for one in (logs.value, logs.low, logs.high)))
    share = float(np.median(calls / baselines))
    return Call(share, net, reach_s, max(float(np.median(rest)), 0.0))


def _centre(values: Floats) -> Estimate | None:
    return paired.centre(values) if values.size >= paired.MIN_PROCESSES else None
