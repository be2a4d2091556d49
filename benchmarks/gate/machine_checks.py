"""The checks of the machine: was it calm, cool and at one speed while it measured?

What the machine tells of itself is asked first, for it names the cause. Then come the checks that
need no sensor: the times of the measurement itself and of the runner's fixed probe show that a
machine changed its speed where it tells nothing. Readings that a device cannot give never fail.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgebench.benchmarks.formatting import signed, whole
from edgebench.benchmarks.gate.check import Check, failed
from edgebench.benchmarks.gate.machine_state import Conditions
from edgebench.benchmarks.statistics.paired import Floats
from edgebench.deploy.documents.result import Readings

SPEED = 0.10
"""A change of speed that counts."""


def throttled(conditions: Conditions, limit: float) -> str | None:
    """The firmware or the kernel held the processor back."""
    told = conditions.told(lambda one: one.throttled)
    if told and (share := float(np.mean([bool(one) for one in told]))) > limit:
        return f"the processor was throttled, {whole(share)} of the time"
    return None


def thermal_status(conditions: Conditions, limit: float) -> str | None:
    """Android says that heat costs speed: 2 is moderate, 3 severe."""
    told = [one.thermal_status for one in conditions.readings if one.thermal_status is not None]
    if told and max(told) >= limit:
        return f"the device was hot: its thermal status went to {max(told)} of 6"
    return None


def frequency(conditions: Conditions, limit: float) -> str | None:
    """The core that measured did not keep its frequency."""
    found = np.array(conditions.frequencies_khz())
    if found.size == 0:
        return None
    usual = float(np.quantile(found, 0.8))
    share = float(np.mean(found < usual * (1 - SPEED)))
    if share <= limit:
        return None
    return (
        f"the core's frequency did not hold: {usual / 1e6:.2f} GHz, but {found.min() / 1e6:.2f} "
        f"GHz at times, and low in {whole(share)} of the blocks"
    )


def governor(conditions: Conditions, limit: float) -> str | None:
    """Somebody changed the rule by which the kernel sets the frequency."""
    found = {one.governors for one in conditions.readings if one.governors}
    if len(found) <= limit:
        return None
    names = sorted({name for names in found for name in names})
    return f"the frequency governor changed on the way ({', '.join(names)})"


def power(conditions: Conditions, limit: float) -> str | None:
    """The device was plugged in or out, and with that often goes another speed."""
    changes = len(set(conditions.told(lambda one: one.charging)))
    return "the charger was plugged in or out on the way" if changes > limit else None


def wrong_core(conditions: Conditions, limit: float) -> str | None:
    """The process ran where it was not to."""
    cores = conditions.told(lambda one: one.core)
    if conditions.cores is None or not cores:
        return None
    strays = sorted({str(core) for core in cores if core not in conditions.cores})
    share = float(np.mean([core not in conditions.cores for core in cores]))
    if share <= limit:
        return None
    return f"the measuring process ran on core {', '.join(strays)}, not where it was to"


def unequal_cores(conditions: Conditions, limit: float) -> str | None:
    """The process was moved between cores of different speed."""
    levels: dict[int, list[float]] = {}
    for block, slowness in zip(conditions.blocks, conditions.block_slowness, strict=True):
        if block.before and block.after and block.before.core == block.after.core is not None:
            levels.setdefault(block.after.core, []).append(float(slowness))
    medians = {core: float(np.median(of)) for core, of in levels.items() if len(of) > 1}
    if len(medians) < 2:
        return None
    slow, fast = max(medians, key=medians.__getitem__), min(medians, key=medians.__getitem__)
    apart = float(np.expm1(medians[slow] - medians[fast]))
    # A slow core is slow whenever it is used; otherwise time is the cause, and not the core.
    if apart <= limit or np.quantile(levels[slow], 0.25) < np.quantile(levels[fast], 0.75):
        return None
    return (
        f"the process was moved between cores of different speed: what core {fast} does takes "
        f"core {slow} {whole(apart)} longer"
    )


def starved(conditions: Conditions, limit: float) -> str | None:
    """The measuring process did not get a core for itself."""
    shares = [
        (after.own_s - before.own_s) / (after.unix_s - before.unix_s)
        for before, after in conditions.spans
        if before.own_s is not None and after.own_s is not None
    ]
    share = float(np.median(shares)) if shares else 1.0
    if share < limit:
        return f"others were so busy that the runner had a core for only {whole(share)} of the time"
    return None


def stolen(conditions: Conditions, limit: float) -> str | None:
    """The hypervisor gave this machine's cores to others."""
    share = conditions.grown(lambda one: one.steal_s)
    if share is not None and share > limit:
        return f"the hypervisor took {whole(share)} of the processor's time for others"
    return None


def crowded(conditions: Conditions, limit: float) -> str | None:
    """More processes wanted to run than there are cores."""
    told = [one.running for one in conditions.readings if one.running is not None]
    if told and (share := float(np.mean(np.array(told) > conditions.core_count))) > limit:
        return (
            f"more processes wanted to run than the machine's {conditions.core_count} cores can "
            f"take, {whole(share)} of the time"
        )
    return None


def probe_off(conditions: Conditions, limit: float) -> str | None:
    """The fixed computation that is timed around blocks took another time for a part of the run."""
    slowness = conditions.probe_slowness
    if slowness.size == 0:
        return None
    share = float(np.mean(np.abs(slowness) > np.log1p(SPEED)))
    if share <= limit:
        return None
    return (
        "the machine changed its speed: one short computation took from "
        f"{_range(slowness)} of its usual time, and another than usual {whole(share)} of the time"
    )


def speed_off(conditions: Conditions, limit: float) -> str | None:
    """All models alike took other times than usual for a part of the run."""
    share = conditions.off_share(SPEED)
    if share <= limit:
        return None
    return (
        f"the machine changed its speed: {whole(share)} of the visits to every model took another "
        f"time than usual, from {_range(conditions.slowness)} of that"
    )


def _range(slowness: Floats) -> str:
    """From which share of the usual time to which, without the outermost twentieths."""
    low, high = np.exp(np.quantile(slowness, (0.05, 0.95)))
    return f"{whole(float(low))} to {whole(float(high))}"


def drifted(conditions: Conditions, limit: float) -> str | None:
    """The machine slowly changed its speed; with blocks in pairs the overhead stands."""
    levels = conditions.block_slowness
    third = levels.size // 3
    if third == 0:
        return None
    change = float(np.expm1(np.median(levels[-third:]) - np.median(levels[:third])))
    if abs(change) <= limit:
        return None
    return f"the machine's times went {signed(change)} on the way; the overhead allows for that"


def loud_neighbours(conditions: Conditions, limit: float) -> str | None:
    """Other processes used a good part of the machine, though they left us a core."""
    busy, own = conditions.grown(lambda one: one.busy_s), conditions.grown(lambda one: one.own_s)
    if busy is None or own is None or busy - own <= limit:
        return None
    return f"other processes kept {whole(busy - own)} of the processor busy meanwhile"


def low_battery(conditions: Conditions, limit: float) -> str | None:
    """A device that runs low often saves power."""
    told = [one.battery_percent for one in conditions.readings if one.battery_percent is not None]
    if told and min(told) / 100 < limit:
        return f"the battery was at {min(told):.0f} %, where many devices save power"
    return None


def hot(conditions: Conditions, limit: float) -> str | None:
    """A sensor came close to where processors throttle."""
    read: Callable[[Readings], float | None] = lambda one: max(  # noqa: E731
        (one.temperatures_c or {}).values(), default=None
    )
    told = [found for one in conditions.readings if (found := read(one)) is not None]
    if told and max(told) > limit:
        return f"a sensor went to {max(told):.0f} °C, close to where processors throttle"
    return None


COOL = "let it cool down, give it air, or measure for a shorter time with --budget"
CALM = "close other programs and measure again, or stay on a quiet core with --cores"
STEADY = "measure again when the machine is quiet, or for longer with --budget"
PIN = "stay on cores of one kind with --cores"

GATE = (
    Check("throttled", 0.05, throttled, COOL),
    Check("thermal status", 2, thermal_status, COOL),
    Check("frequency", 0.10, frequency, f"fix it with the performance governor, or {COOL}"),
    Check("governor", 1, governor, "keep one governor, such as performance, and measure again"),
    Check("power", 1, power, "leave the charger as it is, and measure again"),
    Check("wrong core", 0.02, wrong_core, "see what moves the process, and measure again"),
    Check("unequal cores", SPEED, unequal_cores, PIN),
    Check("own core", 0.90, starved, CALM),
    Check("steal", 0.05, stolen, "measure on a machine of your own, or when its host is quiet"),
    Check("run queue", 0.25, crowded, CALM),
    Check("probe", 0.10, probe_off, STEADY),
    Check("speed", 0.05, speed_off, STEADY),
)
"""A failed one takes the verdict away.

Shares are of readings, blocks or visits; that of the runner's own core and what the hypervisor
took are of time. A tenth of the visits is three times what a stray tenth of a second of other
work, every ten seconds, can touch.
"""

EARLY = tuple(check for check in GATE if check.name not in ("probe", "speed", "unequal cores"))
"""Those that a pilot is long enough for: a change of speed takes longer to tell from its noise."""

NOTES = (
    Check("drift", 0.03, drifted, STEADY),
    Check("neighbours", 0.10, loud_neighbours, CALM),
    Check("battery", 0.20, low_battery, "charge it first"),
    Check("temperature", 85.0, hot, COOL),
)
"""A failed one is said beside the verdict."""


def before_the_run(conditions: Conditions) -> tuple[str, ...]:
    """What the pilot met that would take the verdict away if it went on, and what to do."""
    return tuple(
        f"there may be no verdict: {one.reason}; {one.remedy}" for one in failed(EARLY, conditions)
    )
