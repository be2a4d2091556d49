"""The checks of the machine: was it calm, cool and at one speed while it measured?

What the machine reports of itself is checked first, because it names the cause. Then come the
checks that need no sensor: the times of the measurement itself and of the runner's fixed probe
show a change of speed on any machine. Readings that a device cannot give never fail a check.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgebench.benchmarks.diagnostic import Diagnostic, Values
from edgebench.benchmarks.gate.check import Check, failed
from edgebench.benchmarks.gate.machine_state import MachineState
from edgebench.benchmarks.statistics.paired import Floats
from edgebench.deploy.documents.result import Readings

SPEED = 0.10
"""Smaller changes of speed are ignored."""

FEWEST_READINGS = 4
"""Of fewer readings nothing is said of how the machine changed."""


def throttled(machine: MachineState, limit: float) -> Values | None:
    """The firmware or the kernel held the processor back."""
    reported = machine.reported(lambda one: one.throttled)
    if reported and (share := float(np.mean([bool(one) for one in reported]))) > limit:
        return {"share": share}
    return None


def thermal_status(machine: MachineState, limit: float) -> Values | None:
    """Android reports that heat reduces the speed: 2 is moderate, 3 severe."""
    reported = [one.thermal_status for one in machine.readings if one.thermal_status is not None]
    return {"status": max(reported)} if reported and max(reported) >= limit else None


def saves_power(machine: MachineState, limit: float) -> Values | None:
    """The device is in a mode that saves power."""
    reported = machine.reported(lambda one: one.saves_power)
    share = float(np.mean([bool(one) for one in reported])) if reported else 0.0
    return {"share": share} if share > limit else None


def slowed_down(machine: MachineState, limit: float) -> Values | None:
    """The probe became slower and stayed so, on a device that tells nothing of heat or clocks.

    Its shortest times count, which other programs hardly touch, of the first and the last third.
    """
    told = [
        *machine.reported(lambda one: one.thermal_status),
        *machine.reported(lambda one: one.temperatures_c),
    ]
    shortest = [min(one.probe_ns) for one in machine.readings if one.probe_ns]
    third = len(shortest) // 3
    if told or machine.frequencies_khz() or third < FEWEST_READINGS:
        return None
    fast = float(np.quantile(shortest[:third], 0.75))
    slow = float(np.quantile(shortest[-third:], 0.25))
    return {"longer_share": slow / fast - 1} if slow > fast * (1 + limit) else None


def frequency_changed(machine: MachineState, limit: float) -> Values | None:
    """The core that measured did not keep its frequency."""
    found = np.array(machine.frequencies_khz())
    if found.size == 0:
        return None
    usual = float(np.quantile(found, 0.8))
    share = float(np.mean(found < usual * (1 - SPEED)))
    if share <= limit:
        return None
    return {"usual_khz": usual, "lowest_khz": float(found.min()), "share": share}


def governor_changed(machine: MachineState, limit: float) -> Values | None:
    """Somebody changed the rule by which the kernel sets the frequency."""
    found = {one.governors for one in machine.readings if one.governors}
    if len(found) <= limit:
        return None
    return {"governors": tuple(sorted({name for names in found for name in names}))}


def charger_changed(machine: MachineState, limit: float) -> Values | None:
    """The charger was connected or disconnected, which often changes the speed."""
    changes = len(set(machine.reported(lambda one: one.charging)))
    return {} if changes > limit else None


def wrong_core(machine: MachineState, limit: float) -> Values | None:
    """The process ran on a core that it was not pinned to."""
    cores = [one.core for one in machine.readings if one.core is not None]
    if machine.cores is None or not cores:
        return None
    strays = {core for core in cores if core not in machine.cores}
    share = float(np.mean([core in strays for core in cores]))
    return {"cores": tuple(sorted(strays)), "share": share} if share > limit else None


def unequal_cores(machine: MachineState, limit: float) -> Values | None:
    """The process was moved between cores of different speed."""
    levels: dict[int, list[float]] = {}
    for block, slowness in zip(machine.blocks, machine.block_slowness, strict=True):
        if block.before and block.after and block.before.core == block.after.core is not None:
            levels.setdefault(block.after.core, []).append(float(slowness))
    medians = {core: float(np.median(of)) for core, of in levels.items() if len(of) > 1}
    if len(medians) < 2:
        return None
    slow, fast = max(medians, key=medians.__getitem__), min(medians, key=medians.__getitem__)
    apart = float(np.expm1(medians[slow] - medians[fast]))
    # A slow core is slow whenever it is used; otherwise the cause is time and not the core.
    if apart <= limit or np.quantile(levels[slow], 0.25) < np.quantile(levels[fast], 0.75):
        return None
    return {"slow_core": slow, "fast_core": fast, "longer_share": apart}


def no_core_of_its_own(machine: MachineState, limit: float) -> Values | None:
    """Other processes took the core of the measuring process."""
    shares = [
        (after.own_s - before.own_s) / (after.unix_s - before.unix_s)
        for before, after in machine.spans
        if before.own_s is not None and after.own_s is not None
    ]
    share = float(np.median(shares)) if shares else 1.0
    return {"share": share} if share < limit else None


def stolen_time(machine: MachineState, limit: float) -> Values | None:
    """The hypervisor gave this machine's cores to others."""
    share = machine.used_share(lambda one: one.steal_s)
    return {"share": share} if share is not None and share > limit else None


def long_run_queue(machine: MachineState, limit: float) -> Values | None:
    """More processes wanted to run than there are cores."""
    reported = [one.running for one in machine.readings if one.running is not None]
    if reported and (share := float(np.mean(np.array(reported) > machine.core_count))) > limit:
        return {"cores": machine.core_count, "share": share}
    return None


def probe_time_changed(machine: MachineState, limit: float) -> Values | None:
    """The fixed computation around blocks took an unusual time for a part of the run."""
    slowness = machine.probe_slowness
    if slowness.size == 0:
        return None
    share = float(np.mean(np.abs(slowness) > np.log1p(SPEED)))
    return {"share": share, **_range(slowness)} if share > limit else None


def speed_changed(machine: MachineState, limit: float) -> Values | None:
    """All models took an unusual time for a part of the run."""
    share = machine.off_share(SPEED)
    return {"share": share, **_range(machine.slowness)} if share > limit else None


def _range(slowness: Floats) -> Values:
    """The range of times as shares of the usual time, without the outermost twentieths."""
    low, high = np.exp(np.quantile(slowness, (0.05, 0.95)))
    return {"low_share": float(low), "high_share": float(high)}


def drift(machine: MachineState, limit: float) -> Values | None:
    """The machine slowly changed its speed, which cancels from the paired overhead."""
    levels = machine.block_slowness
    third = levels.size // 3
    if third == 0:
        return None
    change = float(np.expm1(np.median(levels[-third:]) - np.median(levels[:third])))
    return {"change_share": change} if abs(change) > limit else None


def busy_neighbours(machine: MachineState, limit: float) -> Values | None:
    """Other processes used a good part of the machine, though they left us a core."""
    busy, own = (
        machine.used_share(lambda one: one.busy_s),
        machine.used_share(lambda one: one.own_s),
    )
    if busy is None or own is None or busy - own <= limit:
        return None
    return {"share": busy - own}


def low_battery(machine: MachineState, limit: float) -> Values | None:
    """Many devices save power when their battery is low."""
    reported = [one.battery_percent for one in machine.readings if one.battery_percent is not None]
    return {"battery_percent": min(reported)} if reported and min(reported) / 100 < limit else None


def hot(machine: MachineState, limit: float) -> Values | None:
    """A sensor came close to where processors throttle."""
    read: Callable[[Readings], float | None] = lambda one: max(  # noqa: E731
        (one.temperatures_c or {}).values(), default=None
    )
    reported = [found for one in machine.readings if (found := read(one)) is not None]
    return {"temperature_c": max(reported)} if reported and max(reported) > limit else None


GATE = (
    Check(throttled, 0.05),
    Check(thermal_status, 2),
    Check(wrong_core, 0.02),
    Check(saves_power, 0.05),
)
"""If one of these fails there is no verdict: heat costs the heavier model more, and a core that was
not asked for is another machine, as is one that saves power. Shares are of readings.
"""

NOTES = (
    Check(slowed_down, SPEED),
    Check(frequency_changed, 0.10),
    Check(governor_changed, 1),
    Check(charger_changed, 1),
    Check(unequal_cores, SPEED),
    Check(no_core_of_its_own, 0.90),
    Check(stolen_time, 0.05),
    Check(long_run_queue, 0.25),
    Check(probe_time_changed, 0.10),
    Check(speed_changed, 0.05),
    Check(drift, 0.03),
    Check(busy_neighbours, 0.10),
    Check(low_battery, 0.20),
    Check(hot, 85.0),
)
"""If one of these fails it is reported beside the verdict.

Models take turns within hundredths of a second, so all of these disturb them alike and widen the
interval. If one model suffers more than its baseline, the checks of the pairs (`run_checks`) show
it: so they do for a device that slowed down, which was fast before.
"""


def before_the_run(machine: MachineState) -> tuple[Diagnostic, ...]:
    """What the pilot found that would withhold the verdict if it continued."""
    return failed(GATE, machine)
