"""Simulated sequences of single inferences, for thousands of runs at once.

The simulated device (`device`) executes one plan inference by inference, as a runner does. That is
too slow to compare designs: here one step is the same inference of every run.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgebench.deploy.transports.simulated.device import SETTLING
from edgebench.deploy.transports.simulated.machine import LOADED, throttled
from edgebench.deploy.transports.simulated.scenarios import Episode, Governor, Scenario

Floats = npt.NDArray[np.float64]
Slots = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

HEAT_GRID_S = 0.1
"""How finely the course of heat is drawn."""


def inference_times(
    machine: Scenario,
    order: Slots,
    processes: int,
    latencies_s: Floats,
    chance: np.random.Generator,
    start_s: float = 0.3,
) -> Floats:
    """The seconds of every inference, (runs, inferences), in wall time.

    `order` gives the model of every inference, (runs, inferences), and has the same number of them
    in each of the `processes`. `latencies_s` are the models' seconds alone on a calm machine; the
    first model is the baseline; another with its latency is the baseline over again. A process
    takes `start_s` to start, and is warm then.
    """
    runs, count = order.shape
    models = latencies_s.size
    of_runs = np.arange(runs)
    each = count // processes
    is_heavier = latencies_s > latencies_s[0]
    heavier = is_heavier[order]
    carries = machine.carry * np.where(is_heavier, machine.uneven, 1.0)
    log_noise = chance.normal(0, machine.noise, (runs, count))
    hit = chance.random((runs, count)) < machine.spikes
    log_noise += np.where(hit, np.log1p(chance.random((runs, count))), 0.0)
    followed = (chance.random((runs, count)) < machine.follows) & heavier
    log_noise += np.where(followed, np.log(LOADED), 0.0)
    horizon_s = processes * start_s + count * float(latencies_s.mean())
    episodes = [_Coming(one, runs, chance) for one in machine.episodes]
    heat = _Heat(machine, horizon_s, runs, chance) if machine.throttling else None
    clock = _Clock(machine.governor, runs) if machine.governor else None
    now = np.zeros(runs)
    phase = chance.random(runs) * machine.period_s
    speed = np.zeros(runs)
    carried = np.zeros(runs)
    before = order[:, 0]
    bias = np.zeros((runs, models))
    times = np.empty((runs, count))
    for number in range(count):
        slot = order[:, number]
        if number % each == 0:
            half = machine.process_bias / 2
            bias = np.log(latencies_s) + chance.uniform(-half, half, (runs, models))
            now += start_s
            carried[:] = 0
            for one in episodes:
                one.go_on(np.full(runs, start_s))
            before = slot
        carried = np.where(slot == before, carried * SETTLING, carries[slot])
        log_time = bias[of_runs, slot] + carried + speed + log_noise[:, number]
        log_time += np.log1p(machine.drift) * np.minimum(now / horizon_s, 1)
        for one in episodes:
            log_time += one.slowness(heavier[:, number])
        if heat:
            log_time += heat.slowness(now, heavier[:, number])
        if clock:
            log_time += clock.slowness
        if machine.period_s:
            on = (now + phase) % machine.period_s < machine.period_s / 2
            log_time += np.where(on, np.log(LOADED), 0.0)
        seconds = np.exp(log_time)
        times[:, number] = seconds
        now += seconds
        speed += machine.wander * np.sqrt(seconds) * chance.normal(size=runs)
        for one in episodes:
            one.go_on(seconds)
        if clock:
            clock.go_on(heavier[:, number], seconds)
        before = slot
    return times


class _Coming:
    """An episode in every run: whether it is on, and how strong it is."""

    def __init__(self, episode: Episode, runs: int, chance: np.random.Generator) -> None:
        self._episode, self._chance = episode, chance
        self._on = chance.random(runs) < episode.on_s / (episode.on_s + episode.off_s)
        self._strength = self._drawn(runs)

    def _drawn(self, runs: int) -> Floats:
        return np.asarray(np.log(self._chance.uniform(*self._episode.slow_down, runs)))

    def slowness(self, heavier: Flags) -> Floats:
        power = np.where(heavier, self._episode.power, 1.0)
        return np.asarray(np.where(self._on, self._strength * power, 0.0))

    def go_on(self, seconds: Floats) -> None:
        """Let time pass: the state after it is one draw from the two-state Markov process."""
        rate_off, rate_on = 1 / self._episode.on_s, 1 / self._episode.off_s
        total = rate_on + rate_off
        settled = 1 - np.exp(-total * seconds)
        leave = np.where(self._on, rate_off, rate_on) / total * settled
        changed = self._chance.random(seconds.size) < leave
        fresh = changed & ~self._on
        self._strength = np.where(fresh, self._drawn(seconds.size), self._strength)
        self._on = self._on ^ changed


class _Heat:
    """The throttling of every run."""

    def __init__(
        self, machine: Scenario, horizon_s: float, runs: int, chance: np.random.Generator
    ) -> None:
        assert machine.throttling is not None
        self._power = machine.throttling.power
        grid = np.arange(0, 2 * horizon_s, HEAT_GRID_S, dtype=np.float64)
        self._course = np.array(
            [throttled(machine.throttling, grid, horizon_s, chance) for _ in range(runs)]
        )

    def slowness(self, now: Floats, heavier: Flags) -> Floats:
        place = np.minimum((now / HEAT_GRID_S).astype(int), self._course.shape[1] - 1)
        slow = self._course[np.arange(now.size), place]
        return np.asarray(slow * np.where(heavier, self._power, 1.0))


class _Clock:
    """A governor's clock in every run."""

    def __init__(self, governor: Governor, runs: int) -> None:
        self._governor = governor
        self._demand = np.zeros(runs)

    @property
    def slowness(self) -> Floats:
        return np.asarray((1 - self._demand) * np.log(self._governor.slow_down))

    def go_on(self, heavier: Flags, seconds: Floats) -> None:
        follows = 1 - np.exp(-seconds / self._governor.answer_s)
        self._demand += follows * (heavier - self._demand)
