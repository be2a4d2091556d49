"""A machine in virtual time: it works, gets slower or faster, and reports readings.

Nothing here sleeps. What happens to the machine, and when, is drawn beforehand on a fine grid of
virtual time. Work moves the clock forward, by more when the machine is slow.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgebench.deploy.documents.result import Readings
from edgebench.deploy.transports.simulated.scenarios import Episode, Scenario, Throttling

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

START_UNIX_S = 1_790_000_000.0
GRID_S = 0.005
CORES = 4
FULL_SPEED_KHZ = 2_400_000
COOL_C, HOT_C = 42.0, 80.0
PROBE_S = 0.0005
PROBE_REPEATS = 5
PROBE_NOISE = 0.005
SEVERE = 3
"""Android's thermal status from which apps have to expect throttling."""

LOADED = 1.25
"""How much longer an inference takes under a load that is periodic, or follows a model."""


def stamp(unix_s: float) -> str:
    """A time as in results, such as 2026-09-21T14:13:20Z."""
    return datetime.datetime.fromtimestamp(unix_s, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Timeline:
    """What happens when, a value for each `GRID_S` of virtual time.

    `light` and `heavy` are what the baseline and a heavier model take times as long, and `taken`
    the part of that for which others have the core. `clock` is the slow-down by the frequency and
    `heat` that by throttling alone, which a machine can tell. `load` counts the cores that others
    keep busy and `slow_core` says whether the process is on a slow core.
    """

    light: Floats
    heavy: Floats
    taken: Floats
    clock: Floats
    heat: Floats
    load: Floats
    slow_core: Flags


def draw(scenario: Scenario, horizon_s: float, chance: np.random.Generator) -> Timeline:
    """Draw the course of a run that is expected to end at `horizon_s`; it continues after that."""
    seconds: Floats = np.arange(0, 2 * horizon_s, GRID_S, dtype=np.float64)
    nothing = np.zeros(seconds.size)
    heat = throttled(scenario.throttling, seconds, horizon_s, chance)
    power = scenario.throttling.power if scenario.throttling else 1.0
    clock = heat + np.log1p(scenario.drift) * np.minimum(seconds / horizon_s, 1)
    light = scenario.wander * math.sqrt(GRID_S) * np.cumsum(chance.normal(size=seconds.size))
    heavy, taken, load, slow_core = light + (power - 1) * heat, nothing, nothing, nothing > 0
    if scenario.period_s:
        phase = chance.random() * scenario.period_s
        on = (seconds + phase) % scenario.period_s < scenario.period_s / 2
        light, heavy = (one + np.log(LOADED) * on for one in (light, heavy))
    for one in scenario.episodes:
        slow = _coming(one, seconds.size, chance)
        if one.cause == "clock":
            clock = clock + slow
        else:
            light, heavy = light + slow, heavy + one.power * slow
        if one.cause == "others":
            taken, load = taken + one.taken * slow, load + (slow > 0)
        if one.cause == "core":
            slow_core = slow_core | (slow > 0)
    light, heavy = np.exp(light + clock), np.exp(heavy + clock)
    return Timeline(light, heavy, np.exp(taken), np.exp(clock), np.exp(heat), load, slow_core)


def throttled(
    throttling: Throttling | None, seconds: Floats, horizon_s: float, chance: np.random.Generator
) -> Floats:
    """The log slow-down by heat at these times of one run, whose course is drawn here."""
    if throttling is None:
        return np.zeros(seconds.size)
    lowest = chance.uniform(*throttling.slow_down)
    onset = chance.uniform(0.2, 0.6) * horizon_s
    hold = chance.uniform(0.03, 0.1) * horizon_s
    since = seconds - onset
    if throttling.recovers:
        since = np.where(since < 0, since, since % (hold * (throttling.steps + 3)))
    step = np.clip(np.floor(since / hold) + 1, 0, throttling.steps)
    return np.asarray(np.log(lowest) * step / throttling.steps)


def _coming(episode: Episode, count: int, chance: np.random.Generator) -> Floats:
    """The log slow-down by what comes and goes."""
    slow = np.zeros(count)
    place = 0
    on = chance.random() < episode.on_s / (episode.on_s + episode.off_s)
    while place < count:
        mean_s = episode.on_s if on else episode.off_s
        end = place + 1 + int(chance.exponential(mean_s) / GRID_S)
        if on:
            slow[place:end] = np.log(chance.uniform(*episode.slow_down))
        place, on = end, not on
    return slow


class Machine:
    """Works in virtual time, in ns from the start of the run."""

    def __init__(self, scenario: Scenario, horizon_s: float, chance: np.random.Generator) -> None:
        self.now_ns = 0
        self.used_ns = 0
        self._scenario = scenario
        self._chance = chance
        self._course = draw(scenario, horizon_s, chance)
        self._light: list[float] = self._course.light.tolist()
        self._heavy: list[float] = self._course.heavy.tolist()
        self._taken: list[float] = self._course.taken.tolist()
        self._end = len(self._light) - 1
        self._others_s = np.cumsum(self._course.load) * GRID_S
        self._process_start_ns = 0
        self._demand = 0.0

    def clock(self) -> int:
        """The virtual time in ns."""
        return self.now_ns

    def cpu_clock(self) -> int:
        """The CPU time used so far, in ns."""
        return self.used_ns

    def work(self, seconds: float, heavier: bool = False) -> None:
        """Do what takes so long at full speed and alone, as the baseline or as a heavier model."""
        place = min(int(self.now_ns * 1e-9 / GRID_S), self._end)
        taken_s = seconds * (self._heavy if heavier else self._light)[place]
        if governor := self._scenario.governor:
            taken_s *= governor.slow_down ** (1 - self._demand)
            follows = 1 - math.exp(-taken_s / governor.answer_s)
            self._demand += follows * (heavier - self._demand)
        self.now_ns += int(taken_s * 1e9)
        self.used_ns += int(taken_s * 1e9 / self._taken[place])

    def start_process(self, seconds: float) -> None:
        """Start a fresh process, which takes a while before it measures."""
        self._process_start_ns = self.used_ns
        self.work(seconds)

    @property
    def unix_s(self) -> float:
        return START_UNIX_S + self.now_ns * 1e-9

    def readings(self) -> Readings:
        """The readings of a runner now, after it has timed its probe."""
        probe = self._probe()
        elapsed = self.now_ns * 1e-9
        place = min(int(elapsed / GRID_S), self._end)
        told = not self._scenario.silent
        clock, heat = float(self._course.clock[place]), float(self._course.heat[place])
        load = float(self._course.load[place])
        hotness = min((heat - 1) / 0.3, 1.0)
        return Readings(
            unix_s=self.unix_s,
            frequencies_khz={f"cpu{core}": round(FULL_SPEED_KHZ / clock) for core in range(CORES)}
            if told
            else None,
            governors=("schedutil",) if told else None,
            temperatures_c={"soc": round(COOL_C + (HOT_C - COOL_C) * hotness, 1)} if told else None,
            thermal_status=(SEVERE if heat > 1.1 else 0) if told else None,
            throttled=heat > 1.1 if told else None,
            battery_percent=None,
            charging=None,
            load_1min=1.0 + load if told else None,
            running=1 + round(load) if told else None,
            busy_s=elapsed + float(self._others_s[place]) if told else None,
            steal_s=0.0 if told else None,
            own_s=(self.used_ns - self._process_start_ns) * 1e-9 if told else None,
            core=(2 if self._course.slow_core[place] else 0) if told else None,
            time_in_state_s=self._time_in_state(place) if told else None,
            probe_ns=probe,
        )

    def _probe(self) -> tuple[int, ...]:
        times = []
        for noise in np.exp(self._chance.normal(0, PROBE_NOISE, PROBE_REPEATS)):
            start = self.now_ns
            self.work(PROBE_S * float(noise))
            times.append(self.now_ns - start)
        return tuple(times)

    def _time_in_state(self, place: int) -> dict[str, dict[str, float]]:
        """Seconds so far at each frequency in kHz, rounded to the steps that processors have."""
        steps = 100_000
        khz = np.round(FULL_SPEED_KHZ / self._course.clock[: place + 1] / steps).astype(int) * steps
        states, counts = np.unique(khz, return_counts=True)
        spent = {
            str(state): round(float(count) * GRID_S, 2)
            for state, count in zip(states, counts, strict=True)
        }
        return {f"cpu{core}": spent for core in range(CORES)}
