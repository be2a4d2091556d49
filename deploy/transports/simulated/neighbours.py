"""What a simulated machine goes through at the time scale of single inferences, as a table.

The scenarios of `scenarios` slow all models down alike. Here are also those that do not: each is
built to bias the ratio of two models, so that designs and estimators can be compared by what they
make of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Episode:
    """Something that comes and goes: on for `on_s` and off for `off_s` on average (exponential).

    While it is on an inference of the baseline takes `slow_down` times as long, drawn evenly from
    that range each time it comes, and one of another model that factor to the power `power`: 1 if
    it hits all alike.
    """

    on_s: float
    off_s: float
    slow_down: tuple[float, float]
    power: float = 1.0


@dataclass(frozen=True)
class Governor:
    """A clock that answers to what runs.

    The baseline alone leaves it low, where all takes `slow_down` times as long, and the others
    alone raise it. It follows what ran in the last `answer_s` seconds.
    """

    slow_down: float
    answer_s: float


@dataclass(frozen=True)
class Neighbourhood:
    """A machine's habits.

    noise: standard deviation of the log time of one inference.
    spikes: the share of inferences that an interrupt makes longer, by up to as long again.
    process_bias: the most that the layout of memory favours one model over another, in log time;
        it is another in each process.
    carry: how much longer, in log time, the baseline's first inference after another model's takes,
        and half as much again for another model's; a second has a quarter of it, and so on.
    wander: the standard deviation of the log speed's random walk over one second.
    episodes: what comes and goes.
    governor: None for a fixed clock.
    period_s: if not 0, a load of this period, on for half of it, that slows all down by a quarter.
    follows: the chance that a load comes with an inference of another model than the baseline, and
        slows down that one by a quarter.
    """

    name: str
    description: str
    noise: float = 0.02
    spikes: float = 0.01
    process_bias: float = 0.01
    carry: float = 0.02
    wander: float = 0.01
    episodes: tuple[Episode, ...] = ()
    governor: Governor | None = None
    period_s: float = 0.0
    follows: float = 0.0


CALM = Neighbourhood("calm", "noise, interrupts, and caches that another model left")

NEIGHBOURHOODS: dict[str, Neighbourhood] = {
    one.name: one
    for one in (
        CALM,
        replace(
            CALM,
            name="bursts",
            description="another process takes caches and cores for half a second at a time",
            episodes=(Episode(0.5, 0.7, (1.15, 1.6)),),
        ),
        replace(
            CALM,
            name="hiccups",
            description="other work for some hundredths of a second, thrice a second",
            episodes=(Episode(0.04, 0.3, (1.2, 2.0)),),
        ),
        replace(
            CALM,
            name="unequal-cores",
            description="the process is moved between fast and slow cores",
            episodes=(Episode(2.0, 2.0, (1.35, 1.35)),),
        ),
        replace(
            CALM,
            name="bimodal-clock",
            description="the clock jumps between two speeds every tenth of a second",
            episodes=(Episode(0.1, 0.1, (1.2, 1.2)),),
        ),
        replace(
            CALM,
            name="governor",
            description="the clock rises while the heavier model runs",
            governor=Governor(1.2, 0.15),
        ),
        replace(
            CALM,
            name="in-step",
            description="a load whose period is four inferences",
            period_s=0.08,
        ),
        replace(
            CALM,
            name="large-carry",
            description="an inference after another model's takes 15 % longer",
            carry=0.15,
        ),
        replace(
            CALM,
            name="bandwidth",
            description="a neighbour steals memory bandwidth, which costs the heavier model more",
            episodes=(Episode(1.0, 0.5, (1.3, 1.6), power=1.3),),
        ),
        replace(
            CALM,
            name="heavier-throttled",
            description="after some seconds heat slows down the heavier model more",
            episodes=(Episode(math.inf, 3.0, (1.3, 1.6), power=1.2),),
        ),
        replace(
            CALM,
            name="follows",
            description="a load comes with the heavier model in three of four inferences",
            follows=0.75,
        ),
    )
}

BIASED = ("bandwidth", "heavier-throttled", "follows")
"""Where the model is hit more than the baseline: no order removes this bias."""
