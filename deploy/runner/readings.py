"""Readings: the state of the machine at one moment. All that it does not tell is None.

See `Readings` in documents/result.py for the fields and their units. `root` stands for the root of
the file system, so that tests can show another machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from typing import Callable  # noqa: UP035

from . import boards, power
from .android import service_readings
from .machine import current_core, read_all, read_text
from .messages import Json

PROBE_BYTES = b"edgebench" * 7282  # 64 KiB, which stay in the caches of a core of its own.
PROBE_REPEATS = 20


def readings(root: str = "/") -> Json:
    """Everything at once; the probe comes last, for it takes about a millisecond."""
    return {
        "unix_s": time.time(),
        **system(root),
        "own_s": time.process_time(),
        "core": current_core(),
        "probe_ns": probe(),
    }


def readings_after(root: str = "/") -> Json:
    """Everything after a block, with what only Android's services and a board's firmware tell.

    They take their time, and their processes would be in the way of what is measured next: so they
    are asked once a block, after all else.
    """
    found = readings(root)
    return with_services({**found, **boards.asked(found, root)}, service_readings())


def with_services(found: Json, told: Json) -> Json:
    """Readings with what Android's services tell; what the gauge itself tells is fresher."""
    gauge = {**(told.get("battery_counters") or {}), **(found["battery_counters"] or {})}
    return {**found, **told, "battery_counters": gauge or None}


def system(root: str = "/") -> Json:
    """What the kernel shows in files."""
    cpus = os.path.join(root, "sys/devices/system/cpu/cpu[0-9]*/")
    load = read_text(os.path.join(root, "proc/loadavg"))
    return {
        "frequencies_khz": _by_core(cpus, "cpufreq/scaling_cur_freq", int),
        "governors": _governors(cpus),
        "temperatures_c": boards.temperatures(root),
        "thermal_status": None,
        "throttled": boards.throttled(root),
        **_battery(root),
        "battery_counters": power.battery_counters(root),
        "package_energy_uj": power.package_energy(root),
        "load_1min": float(load.split()[0]) if load else None,
        **_processor(root),
        "time_in_state_s": _by_core(cpus, "cpufreq/stats/time_in_state", _seconds_by_frequency),
    }


def probe(clock: Callable[[], int] = time.perf_counter_ns) -> list[int]:
    """The time of a fixed computation, in ns, several times over: about a millisecond in all.

    It is SHA-256 over 64 KiB: plain integer arithmetic in C, on data that stays near the core,
    with no branch that depends on the data, and part of every Python. So it takes a fixed
    number of a core's cycles, and tells how fast the core runs; the shortest of the repeats is
    free of interruptions, and the longer ones tell of them.
    """
    times = []
    for _ in range(PROBE_REPEATS):
        start = clock()
        hashlib.sha256(PROBE_BYTES).digest()
        times.append(clock() - start)
    return times


def _by_core(cpus: str, name: str, read: Callable[[str], object]) -> Json | None:
    """One file of each core, read; by the core's name, such as cpu0."""
    found = {}
    for path, text in read_all(cpus + name):
        core = path[: -len(name)].rstrip("/").rpartition("/")[2]
        with contextlib.suppress(ValueError):  # Such as <unknown>, of a core that sleeps.
            found[core] = read(text)
    return found or None


def _seconds_by_frequency(table: str) -> Json:
    """The kernel's table of frequencies in kHz and time in units of 10 ms (cpufreq-stats)."""
    rows = (line.split() for line in table.splitlines())
    return {khz: int(units) / 100 for khz, units in rows}


def _governors(cpus: str) -> list[str] | None:
    return sorted({text for _, text in read_all(cpus + "cpufreq/scaling_governor")}) or None


def _battery(root: str) -> Json:
    for folder in power.own_batteries(root):
        level, status = (read_text(os.path.join(folder, name)) for name in ("capacity", "status"))
        if level:
            return {
                "battery_percent": float(level),
                "charging": status == "Charging" if status else None,
            }
    return {"battery_percent": None, "charging": None}


def _processor(root: str) -> Json:
    """Seconds since boot that all cores were busy and that the hypervisor took (proc(5))."""
    text = read_text(os.path.join(root, "proc/stat"))
    if not text or not text.startswith("cpu "):
        return {"running": None, "busy_s": None, "steal_s": None}
    lines = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}
    tick = os.sysconf("SC_CLK_TCK")
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, lines["cpu"][:8])
    running = lines.get("procs_running")
    return {
        "running": int(running[0]) if running else None,
        "busy_s": (user + nice + system + irq + softirq) / tick,
        "steal_s": steal / tick,
    }
