"""A machine on virtual time: it works, gets slower or faster, and tells about itself.

Nothing here sleeps. The machine's course (what it goes through, and when) is drawn beforehand on
a fine grid of virtual time; working moves the clock on, by longer where the machine is slow.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgebench.deploy.documents.result import Readings
from edgebench.deploy.transports.simulated.scenarios import Bursts, Scenario, SlowCores, Throttling

Floats = npt.NDArray[np.float64]

START_UNIX_S = 1_790_000_000.0
GRID_S = 0.02
CORES = 4
FULL_SPEED_KHZ = 2_400_000
COOL_C, HOT_C = 42.0, 80.0
PROBE_S = 0.0005
PROBE_REPEATS = 5
PROBE_NOISE = 0.005
SEVERE = 3
"""Android's thermal status from which apps have to expect throttling."""


def stamp(unix_s: float) -> str:
    """A time as results write it, such as 2026-09-21T14:13:20Z."""
    return datetime.datetime.fromtimestamp(unix_s, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Timeline:
    """What happens when, a value for each `GRID_S` of virtual time.

    `heat` and `others` are slow-downs (1 is full speed): by the frequency, which a machine can
    tell, and by other work. `load` counts the cores that others keep busy and `slow_core` says
    whether the process is on a slow core.
    """

    heat: Floats
    others: Floats
    load: Floats
    slow_core: npt.NDArray[np.bool_]
    slow_down: Floats


def draw(scenario: Scenario, horizon_s: float, chance: np.random.Generator) -> Timeline:
    """Draw the course of a run that is expected to end at `horizon_s`; it goes on for longer."""
    seconds: Floats = np.arange(0, 2 * horizon_s, GRID_S, dtype=np.float64)
    heat = np.exp(np.log1p(scenario.drift) * np.minimum(seconds / horizon_s, 1))
    if scenario.throttling:
        heat = heat * _throttled(scenario.throttling, seconds, horizon_s, chance)
    others, load = np.ones(seconds.size), np.zeros(seconds.size)
    if scenario.bursts:
        others, load = _bursts(scenario.bursts, seconds, chance)
    slow_core = np.zeros(seconds.size, bool)
    cores = np.ones(seconds.size)
    if scenario.slow_cores:
        slow_core = _moved(scenario.slow_cores, seconds, chance)
        cores = np.where(slow_core, scenario.slow_cores.slow_down, 1.0)
    return Timeline(heat, others, load, slow_core, heat * others * cores)


def _throttled(
    throttling: Throttling, seconds: Floats, horizon_s: float, chance: np.random.Generator
) -> Floats:
    lowest = chance.uniform(*throttling.slow_down)
    onset = chance.uniform(0.2, 0.6) * horizon_s
    hold = chance.uniform(0.03, 0.1) * horizon_s
    step = np.clip(np.floor((seconds - onset) / hold) + 1, 0, throttling.steps)
    if throttling.recovers:
        cycle = hold * (throttling.steps + 3)
        step = np.where(
            seconds < onset,
            0,
            np.clip(np.floor((seconds - onset) % cycle / hold) + 1, 0, throttling.steps),
        )
    return np.asarray(lowest ** (step / throttling.steps), dtype=np.float64)


def _bursts(bursts: Bursts, seconds: Floats, chance: np.random.Generator) -> tuple[Floats, Floats]:
    slow_down, load = np.ones(seconds.size), np.zeros(seconds.size)
    for _ in range(chance.poisson(bursts.a_minute * seconds[-1] / 60)):
        first = int(chance.integers(seconds.size))
        last = first + 1 + int(chance.exponential(bursts.length_s) / GRID_S)
        slow_down[first:last] = chance.uniform(*bursts.slow_down)
        load[first:last] = bursts.load
    return slow_down, load


def _moved(cores: SlowCores, seconds: Floats, chance: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Whether the process is on a slow core: a telegraph process with exponential stays."""
    moves = chance.random(seconds.size) < GRID_S / cores.dwell_s
    first = bool(chance.integers(2))
    return np.asarray((np.cumsum(moves) + first) % 2 == 1)


class Machine:
    """Works on virtual time, in ns from the start of the run."""

    def __init__(self, scenario: Scenario, horizon_s: float, chance: np.random.Generator) -> None:
        self.now_ns = 0
        self._scenario = scenario
        self._chance = chance
        self._course = draw(scenario, horizon_s, chance)
        self._slow_down: list[float] = self._course.slow_down.tolist()
        self._end = len(self._slow_down) - 1
        self._others_s = np.cumsum(self._course.load) * GRID_S
        self._process_start_ns = 0

    def clock(self) -> int:
        """The virtual time in ns."""
        return self.now_ns

    def work(self, seconds: float) -> None:
        """Do what takes so long at full speed and alone."""
        place = min(int(self.now_ns * 1e-9 / GRID_S), self._end)
        self.now_ns += int(seconds * 1e9 * self._slow_down[place])

    def start_process(self, seconds: float) -> None:
        """Start a fresh process, which takes a while before it measures."""
        self._process_start_ns = self.now_ns
        self.work(seconds)

    @property
    def unix_s(self) -> float:
        return START_UNIX_S + self.now_ns * 1e-9

    def readings(self) -> Readings:
        """What a runner would read now, after it has timed its probe."""
        probe = self._probe()
        elapsed = self.now_ns * 1e-9
        place = min(int(elapsed / GRID_S), self._end)
        own = (self.now_ns - self._process_start_ns) * 1e-9
        told = not self._scenario.silent
        heat, load = float(self._course.heat[place]), float(self._course.load[place])
        hotness = min((heat - 1) / 0.3, 1.0)
        return Readings(
            unix_s=self.unix_s,
            frequencies_khz={f"cpu{core}": round(FULL_SPEED_KHZ / heat) for core in range(CORES)}
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
            own_s=own,
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
        khz = np.round(FULL_SPEED_KHZ / self._course.heat[: place + 1] / steps).astype(int) * steps
        states, counts = np.unique(khz, return_counts=True)
        spent = {
            str(state): round(float(count) * GRID_S, 2)
            for state, count in zip(states, counts, strict=True)
        }
        return {f"cpu{core}": spent for core in range(CORES)}
