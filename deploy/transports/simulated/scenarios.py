"""What a simulated machine goes through, as a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True)
class Bursts:
    """Other work that comes and goes: `a_minute` bursts of `length_s` on average.

    While one lasts, everything takes `slow_down` times as long, drawn evenly from that range, and
    others keep `load` cores busy.
    """

    a_minute: float
    length_s: float
    slow_down: tuple[float, float]
    load: float = 1.0


@dataclass(frozen=True)
class Throttling:
    """Heat: at some time in the middle of the run the machine slows down in `steps` to `slow_down`.

    Every step holds for a while; after the last the machine stays slow, or, with `recovers`,
    cools and is throttled again.
    """

    slow_down: tuple[float, float]
    steps: int
    recovers: bool = False


@dataclass(frozen=True)
class SlowCores:
    """Some cores are slower, and the process is moved: `dwell_s` on average on each kind."""

    slow_down: float
    dwell_s: float


@dataclass(frozen=True)
class Scenario:
    """A machine's habits. Whatever changes its speed hits baseline, model and probe alike.

    inference_noise: standard deviation of the log time of one inference.
    visit_noise: the same of a visit's level, for caches and memory are found in another state.
    process_bias: the most that the layout of memory favours one model over another, in log time;
        it is another in each process.
    transient: how much longer the first inference of a visit takes; it decays in a few.
    drift: how much longer all takes at the end of the run than at its beginning.
    silent: the machine tells neither frequencies nor temperatures nor load.
    """

    name: str
    description: str
    inference_noise: float = 0.02
    visit_noise: float = 0.004
    process_bias: float = 0.0
    transient: float = 0.3
    drift: float = 0.0
    throttling: Throttling | None = None
    bursts: Bursts | None = None
    slow_cores: SlowCores | None = None
    silent: bool = False


CLEAN = Scenario("clean", "log-normal noise only")
BIASED = replace(
    CLEAN,
    name="process-bias",
    description="each process favours a model by up to 1 %",
    process_bias=0.01,
)
THROTTLING = replace(
    BIASED,
    name="throttling",
    description="heat slows the machine down in steps during the run",
    throttling=Throttling(slow_down=(1.2, 1.8), steps=3),
)
BURSTS = replace(
    BIASED,
    name="bursts",
    description="another process takes the caches and the cores for seconds at a time",
    bursts=Bursts(a_minute=12, length_s=2.0, slow_down=(1.15, 1.6)),
)
RANDOM = "stranger"
TELLS_NOTHING = "the same on a machine that reports nothing"


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        CLEAN,
        BIASED,
        replace(
            BIASED, name="drift", description="the machine slows down by 5 %, evenly", drift=0.05
        ),
        replace(
            BIASED,
            name="hiccups",
            description="sometimes a tenth of a second of other work",
            bursts=Bursts(a_minute=6, length_s=0.1, slow_down=(1.2, 2.0)),
        ),
        replace(
            BIASED, name="silent", description="a quiet machine that reports nothing", silent=True
        ),
        THROTTLING,
        replace(THROTTLING, name="throttling-silent", description=TELLS_NOTHING, silent=True),
        BURSTS,
        replace(BURSTS, name="bursts-silent", description=TELLS_NOTHING, silent=True),
        replace(
            BIASED,
            name="slow-cores",
            description="the process is moved between fast and slow cores",
            slow_cores=SlowCores(slow_down=1.35, dwell_s=3.0),
        ),
    )
}
"""By name, as in `--device simulated:throttling`."""


def random_scenario(seed: int) -> Scenario:
    """A machine with habits of its own, more or less of everything, drawn from a seed."""
    chance = np.random.default_rng(seed)

    def between(low: float, high: float) -> float:
        """Evenly in the logarithm, for habits differ by factors."""
        return float(np.exp(chance.uniform(np.log(low), np.log(high))))

    def sometimes(habit: T) -> T | None:
        return habit if chance.random() < 0.3 else None

    worst = 1 + between(0.03, 1.0)
    return Scenario(
        name=RANDOM,
        description="a machine with random properties, different in each run",
        inference_noise=between(0.003, 0.08),
        visit_noise=between(0.001, 0.03),
        process_bias=between(0.001, 0.02),
        transient=between(0.01, 1.0),
        drift=float(chance.normal(0, 0.05)),
        throttling=sometimes(Throttling((1.03, worst), int(chance.integers(1, 6)), recovers=True)),
        bursts=sometimes(Bursts(between(1, 60), between(0.05, 5.0), (1.0, worst))),
        slow_cores=sometimes(SlowCores(worst, between(0.2, 20.0))),
        silent=bool(chance.integers(2)),
    )
