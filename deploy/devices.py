"""The devices: what can run a plan, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from edgebench.deploy import registry
from edgebench.deploy.device import Device
from edgebench.deploy.registry import Cluster, Entry
from edgebench.errors import UnknownNameError

TRANSPORTS = {
    "local": "edgebench.deploy.local",
    "adb": "edgebench.deploy.adb",
    "ssh": "edgebench.deploy.ssh",
    "emulated": "edgebench.deploy.emulated",
    "devicectl": "edgebench.deploy.apple.iphone",
    "mac": "edgebench.deploy.apple.mac",
}
"""One module each, with a function `device` that makes an entry's device. Imported when used."""

COOLED = ("adb", "ssh")
"""Transports whose devices are waited for to cool, for nobody else warms those. A machine that
somebody works at is as warm as that work makes it, and time under emulation means nothing.
"""

PINNED = COOLED
"""Transports whose measuring processes stay on cores of one kind, unless they are told which."""

ALL_CORES = "all"

SIMULATED = "simulated"
"""The name of devices that are numbers, to try things on: one machine on better and worse days."""


def get(name: str) -> Device:
    """The device of that name. Raises `UnknownNameError` and `InvalidFileError`."""
    if name.startswith(SIMULATED) and name in (simulated := _simulated()):
        return simulated[name]()
    found = entry(name)
    make: Callable[[Entry], Device] = import_module(TRANSPORTS[found.transport]).device
    return make(found)


def entry(name: str) -> Entry:
    """What the registry has of a device. Raises `UnknownNameError` and `InvalidFileError`."""
    entries = registry.load()
    if name not in entries:
        raise UnknownNameError("device", name, {*entries, *_simulated()})
    return entries[name]


def _simulated() -> dict[str, Callable[[], Device]]:
    """The simulated devices by name; they need NumPy, which a list of devices does not."""
    from edgebench.deploy.simulated.device import SimulatedDevice
    from edgebench.deploy.simulated.scenarios import CLEAN, SCENARIOS

    named = {SIMULATED: CLEAN} | {f"{SIMULATED}:{name}": one for name, one in SCENARIOS.items()}
    return {name: partial(SimulatedDevice, scenario) for name, scenario in named.items()}


def cores(
    name: str, asked: tuple[int, ...] | str | None, threads: int = 1
) -> tuple[int, ...] | None:
    """The numbers of the cores to measure on, asked for by number or by cluster; None for all.

    Where nothing is asked for it is the fastest cluster that has a core for every thread: a
    process that wanders between clusters gives no verdict. Raises `UnknownNameError`, and
    `UsageError` where the device has no clusters.
    """
    if asked is None:
        fastest = cluster(name, threads)
        return fastest.cores if fastest else None
    if isinstance(asked, tuple):
        return asked
    return None if asked == ALL_CORES else registry.cores_of(entry(name), asked)


def cluster(name: str, threads: int) -> Cluster | None:
    """The fastest cluster of a device that has a core for every thread.

    None where the cores are all alike, as far as is known, or where they cannot be chosen.
    """
    found = None if name.startswith(SIMULATED) else entry(name)
    if found is None or found.transport not in PINNED or found.runner == "app":
        return None
    enough = [one for one in found.clusters if len(one.cores) >= threads]
    return enough[-1] if len(found.clusters) > 1 and enough else None


def cools_down(name: str) -> bool:
    """Whether a device is waited for to cool down between measuring processes."""
    return not name.startswith(SIMULATED) and entry(name).transport in COOLED
