"""What a simulated machine goes through, as a table.

Most scenarios slow all models down alike. Some are built to bias the ratio of two models: there
what happens hits the heavier model more, or comes with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Cause = Literal["others", "clock", "core"]
"""What the machine tells of it: that others use a core, that the clock is low, or on which core the
process is."""


@dataclass(frozen=True)
class Episode:
    """Something that comes and goes: on for `on_s` and off for `off_s` on average (exponential).

    While it is on an inference of the baseline takes `slow_down` times as long, drawn evenly from
    that range each time it comes, and one of a heavier model that factor to the power `power`: 1 if
    it hits all alike. `taken` is the part of its logarithm for which others have the core: that
    part is in no process's CPU time.
    """

    on_s: float
    off_s: float
    slow_down: tuple[float, float]
    power: float = 1.0
    taken: float = 0.0
    cause: Cause = "others"


@dataclass(frozen=True)
class Throttling:
    """Heat: at 20 to 60 % of the run the machine slows down in `steps` to `slow_down`.

    Every step holds for a while; after the last the machine stays slow, or, with `recovers`,
    cools and is throttled again. Heavier models are slowed down by that to the power `power`.
    """

    slow_down: tuple[float, float]
    steps: int
    recovers: bool = False
    power: float = 1.0


@dataclass(frozen=True)
class Governor:
    """A clock that answers to what runs.

    The baseline alone leaves it low, where all takes `slow_down` times as long, and heavier models
    alone raise it. It follows what ran in the last `answer_s` seconds.
    """

    slow_down: float
    answer_s: float


@dataclass(frozen=True)
class Scenario:
    """A machine's habits.

    noise: standard deviation of the log time of one inference.
    spikes: the share of inferences that an interrupt makes longer, by up to as long again.
    process_bias: the most that the layout of memory favours one model over another, in log time;
        half of it is another in each process, and half each time that the models are loaded.
    transient: how much longer the first inference of a process takes; it decays in a few.
    carry: how much longer, in log time, the baseline's first inference after another model's takes;
        a second has a quarter of it, and so on.
    uneven: a heavier model has so many times the baseline's carry-over. Measured were 0.65 to 1
        times: what is to be loaded again takes about as long for both (docs/method.md).
    drift: how much longer all takes at the end of the run than at its beginning.
    wander: the standard deviation of the log speed's random walk over one second.
    episodes: what comes and goes.
    governor: None for a fixed clock.
    period_s: if not 0, a load of this period, on for half of it, that slows all down by a quarter.
    follows: the chance that a load comes with an inference of a heavier model, and slows down that
        one by a quarter.
    silent: the machine tells neither frequencies nor temperatures nor load nor CPU time.
    """

    name: str
    description: str
    noise: float = 0.02
    spikes: float = 0.0
    process_bias: float = 0.0
    transient: float = 0.3
    carry: float = 0.0
    uneven: float = 0.8
    drift: float = 0.0
    wander: float = 0.0
    throttling: Throttling | None = None
    episodes: tuple[Episode, ...] = ()
    governor: Governor | None = None
    period_s: float = 0.0
    follows: float = 0.0
    silent: bool = False


CLEAN = Scenario("clean", "log-normal noise only")
ORDINARY = Scenario(
    "process-bias",
    "interrupts, caches that another model left, and processes that favour a model by up to 1 %",
    spikes=0.01,
    process_bias=0.01,
    carry=0.02,
    wander=0.01,
)
THROTTLING = replace(
    ORDINARY,
    name="throttling",
    description="heat slows the machine down in steps during the run",
    throttling=Throttling(slow_down=(1.2, 1.8), steps=3),
)
BURSTS = replace(
    ORDINARY,
    name="bursts",
    description="another process takes the caches and the cores for seconds at a time",
    episodes=(Episode(2.0, 3.0, (1.15, 1.6), taken=0.5),),
)
RANDOM = "stranger"
TELLS_NOTHING = "the same on a machine that reports nothing"

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        CLEAN,
        ORDINARY,
        replace(
            ORDINARY, name="drift", description="the machine slows down by 5 %, evenly", drift=0.05
        ),
        replace(
            ORDINARY, name="silent", description="a quiet machine that reports nothing", silent=True
        ),
        replace(
            ORDINARY,
            name="hiccups",
            description="other work for some hundredths of a second, thrice a second",
            episodes=(Episode(0.04, 0.3, (1.2, 2.0)),),
        ),
        BURSTS,
        replace(BURSTS, name="bursts-silent", description=TELLS_NOTHING, silent=True),
        THROTTLING,
        replace(THROTTLING, name="throttling-silent", description=TELLS_NOTHING, silent=True),
        replace(
            ORDINARY,
            name="slow-cores",
            description="the process is moved between fast and slow cores",
            episodes=(Episode(3.0, 3.0, (1.35, 1.35), cause="core"),),
        ),
        replace(
            ORDINARY,
            name="bimodal-clock",
            description="the clock jumps between two speeds every tenth of a second",
            episodes=(Episode(0.1, 0.1, (1.2, 1.2), cause="clock"),),
        ),
        replace(
            ORDINARY,
            name="governor",
            description="the clock rises while the heavier model runs",
            governor=Governor(1.2, 0.15),
        ),
        replace(
            ORDINARY,
            name="in-step",
            description="a load whose period is four inferences",
            period_s=0.08,
        ),
        replace(
            ORDINARY,
            name="large-carry",
            description="after another model's an inference takes 15 % longer, a heavier one 22 %",
            carry=0.15,
            uneven=1.5,
        ),
        replace(
            ORDINARY,
            name="bandwidth",
            description="a neighbour steals memory bandwidth, which costs the heavier model more",
            episodes=(Episode(1.0, 0.5, (1.3, 1.6), power=1.3),),
        ),
        replace(
            ORDINARY,
            name="heavier-throttled",
            description="heat slows the heavier model down more, and nothing is reported",
            throttling=Throttling(slow_down=(1.3, 1.6), steps=3, power=1.3),
            silent=True,
        ),
        replace(
            ORDINARY,
            name="follows",
            description="a load comes with the heavier model in three of four inferences",
            follows=0.75,
        ),
    )
}
"""By name, as in `--device simulated:throttling`."""

BIASED = ("governor", "bandwidth", "heavier-throttled", "follows")
"""Where one model is hit more than the other: no order removes this bias."""


def random_scenario(seed: int) -> Scenario:
    """A machine with habits of its own, more or less of everything, drawn from a seed.

    What it goes through hits all models alike.
    """
    chance = np.random.default_rng(seed)

    def between(low: float, high: float) -> float:
        """Uniform in the logarithm, because machines differ by factors."""
        return float(np.exp(chance.uniform(np.log(low), np.log(high))))

    worst = 1 + between(0.03, 1.0)
    throttling = Throttling((1.03, worst), int(chance.integers(1, 6)), recovers=True)
    causes: tuple[Cause, ...] = ("others", "clock", "core")
    episodes = [
        Episode(between(0.02, 5.0), between(0.1, 20.0), (1.0, worst), 1.0, chance.random(), cause)
        if cause == "others"
        else Episode(between(0.1, 10.0), between(0.1, 10.0), (worst, worst), cause=cause)
        for cause in causes
    ]
    return Scenario(
        name=RANDOM,
        description="a machine with random properties, different in each run",
        noise=between(0.003, 0.08),
        spikes=between(0.001, 0.05),
        process_bias=between(0.001, 0.02),
        transient=between(0.01, 1.0),
        carry=between(0.001, 0.05),
        drift=float(chance.normal(0, 0.05)),
        wander=between(0.001, 0.03),
        throttling=throttling if chance.random() < 0.3 else None,
        episodes=tuple(one for one in episodes if chance.random() < 0.3),
        silent=bool(chance.integers(2)),
        uneven=between(0.65, 1.5),
    )
