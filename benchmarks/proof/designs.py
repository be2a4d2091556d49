"""Designs of a measurement, on simulated sequences of single inferences, many runs at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgebench.benchmarks.planning.orders import balanced_order
from edgebench.benchmarks.statistics import signed_rank
from edgebench.benchmarks.statistics.local_pairs import level, pairs, speed_dependence
from edgebench.benchmarks.statistics.paired import Floats
from edgebench.deploy.transports.simulated.scenarios import Scenario
from edgebench.deploy.transports.simulated.sequences import inference_times
from edgebench.intervals import CONFIDENCE

LATENCY_S = 0.02
OVERHEADS = (0.0, 0.0, 0.03)
"""The baseline, the baseline over again, and a heavier model."""

START_S = 0.3


@dataclass(frozen=True)
class Design:
    """Turns of `turn` inferences, the first `dropped` of which do not count.

    order: "blocks" goes through all models in random order and back, block by block; "fixed"
        always in the same order, there and back; "balanced" in rounds of a balanced order.
    """

    name: str
    order: Literal["blocks", "fixed", "balanced"]
    processes: int
    turns: int
    turn: int
    dropped: int


VISITS = Design("blocks of visits, 6 of 10 warm up", "blocks", 11, 12, 10, 6)
CHOSEN = Design("balanced, 1 of 2 dropped, 18 processes", "balanced", 18, 36, 2, 1)

DESIGNS = (
    VISITS,
    Design("there and back, none dropped", "fixed", 11, 126, 1, 0),
    Design("there and back, 1 of 2 dropped", "fixed", 11, 63, 2, 1),
    Design("balanced, none dropped", "balanced", 11, 126, 1, 0),
    Design("balanced, 1 of 2 dropped", "balanced", 11, 63, 2, 1),
    Design("balanced, 2 of 3 dropped", "balanced", 11, 45, 3, 2),
    Design("balanced, 3 of 6 dropped", "balanced", 11, 18, 6, 3),
    CHOSEN,
)
"""Each takes about 30 s on a calm machine, of which the start of a process is 0.3 s."""


@dataclass(frozen=True)
class Simulated:
    """The counted inferences' seconds by model, each (runs, processes, inferences), of one design.

    `seconds` is the mean length of a run.
    """

    times_s: tuple[Floats, ...]
    seconds: float

    def ratios(self, model: int) -> Floats:
        """The pairs' log ratios, (runs, processes, pairs)."""
        return pairs(self.times_s[model], self.times_s[0])

    def dependence(self, model: int) -> Floats:
        """By run, how the ratio depends on the machine's speed, and its standard error."""
        speeds = np.log(self.times_s[model] * self.times_s[0]) / 2
        ratios = self.ratios(model)
        return np.array(
            [
                speed_dependence(list(zip(one, other, strict=True)), np.ones(len(one)))
                for one, other in zip(ratios, speeds, strict=True)
            ]
        )


def simulate(
    machine: Scenario,
    design: Design,
    runs: int,
    seed: int,
    overheads: tuple[float, ...] = OVERHEADS,
) -> Simulated:
    """Simulate runs of a baseline and of models with these overheads."""
    models = len(overheads)
    chance = random.Random(seed)
    turns = np.array(
        [
            [model for _ in range(design.processes) for model in _turns(design, models, chance)]
            for _ in range(runs)
        ]
    )
    order = np.repeat(turns, design.turn, axis=1)
    counted = np.arange(order.shape[1]) % design.turn >= design.dropped
    latencies_s = LATENCY_S * (1 + np.array(overheads))
    times = inference_times(
        machine, order, design.processes, latencies_s, np.random.default_rng(seed), START_S
    )
    shape = (runs, design.processes, -1)
    return Simulated(
        tuple(times[(order == model) & counted].reshape(shape) for model in range(models)),
        float(times.sum(axis=1).mean()) + design.processes * START_S,
    )


def _turns(design: Design, models: int, chance: random.Random) -> list[int]:
    """The models' turns in one process, whole rounds of them."""
    there = list(range(models))
    turns: list[int] = []
    a_round = models**2 if design.order == "balanced" else 2 * models
    while len(turns) + a_round <= design.turns:
        if design.order == "balanced":
            turns += balanced_order(models, 1, chance)
        else:
            if design.order == "blocks":
                chance.shuffle(there)
            turns += [*there, *reversed(there)]
    return turns


Centre = Callable[[Floats], Floats]
"""From the pairs of a process to its level."""


def mean(values: Floats) -> Floats:
    return np.asarray(values.mean(axis=-1))


def midmean(values: Floats) -> Floats:
    """The mean of the middle half."""
    cut = values.shape[-1] // 4
    return mean(np.sort(values, axis=-1)[..., cut : values.shape[-1] - cut])


def hodges_lehmann(values: Floats) -> Floats:
    """The median of the means of all pairs of values."""
    first, second = np.triu_indices(values.shape[-1])
    return np.asarray(np.median((values[..., first] + values[..., second]) / 2, axis=-1))


CENTRES: dict[str, Centre] = {
    "mean": mean,
    "middle half's mean": midmean,
    "Hodges-Lehmann": hodges_lehmann,
    "median": level,
}


def visits_level(design: Design) -> Callable[[Simulated, int], Floats]:
    """The level of a process of visits: the Hodges-Lehmann centre of blocks of their medians."""
    each = design.turn - design.dropped

    def levels(found: Simulated, model: int) -> Floats:
        logs = []
        for times in (found.times_s[model], found.times_s[0]):
            medians = np.log(np.median(times.reshape(*times.shape[:2], -1, each), axis=-1))
            logs.append(medians.reshape(*times.shape[:2], -1, 2).mean(axis=-1))
        return hodges_lehmann(logs[0] - logs[1])

    return levels


@dataclass(frozen=True)
class Quality:
    """Of many runs' intervals: how often they hold the truth, and how wide they are.

    `half_width` is the median one; `bias` is the median of the estimates less the truth. Both are
    in log time, and `seconds` is a run's mean length.
    """

    coverage: float
    half_width: float
    bias: float
    seconds: float

    def times_faster(self, other: Quality) -> float:
        """By which factor another design needs more time for the same half-width."""
        return (other.half_width / self.half_width) ** 2 * other.seconds / self.seconds


def quality(levels: Floats, truth: float, seconds: float) -> Quality:
    """The quality of the product's interval over processes, from their levels (runs, processes)."""
    low, value, high = signed_rank.ends(levels, 1 - CONFIDENCE)
    return Quality(
        float(np.mean((low <= truth) & (truth <= high))),
        float(np.median(high - low)) / 2,
        float(np.median(value)) - truth,
        seconds,
    )
