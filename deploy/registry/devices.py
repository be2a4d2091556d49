"""The devices: what can run a plan, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from edgebench.deploy.device.cores import ranges
from edgebench.deploy.device.entry import Cluster, DeviceEntry
from edgebench.deploy.device.interface import Device
from edgebench.deploy.registry import registry
from edgebench.deploy.remote import core_check
from edgebench.deploy.remote.core_check import Cores
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.errors import UnknownNameError

TRANSPORTS = {
    "local": "edgebench.deploy.transports.local",
    "adb": "edgebench.deploy.transports.adb",
    "ssh": "edgebench.deploy.transports.ssh",
    "emulated": "edgebench.deploy.transports.emulated",
    "devicectl": "edgebench.deploy.transports.apple.iphone",
    "mac": "edgebench.deploy.transports.apple.mac",
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
    if is_simulated(name) and name in (simulated := _simulated()):
        return simulated[name]()
    found = entry(name)
    make: Callable[[DeviceEntry], Device] = import_module(TRANSPORTS[found.transport]).device
    return make(found)


def is_simulated(name: str) -> bool:
    """Whether that is a simulated device's name, or would be one; no other can be called so."""
    return name.partition(":")[0] == SIMULATED


def entry(name: str) -> DeviceEntry:
    """What the registry has of a device. Raises `UnknownNameError` and `InvalidFileError`."""
    entries = registry.load()
    if name not in entries:
        raise UnknownNameError("device", name, {*entries, *_simulated()})
    return entries[name]


def _simulated() -> dict[str, Callable[[], Device]]:
    """The simulated devices by name; they need NumPy, which a list of devices does not."""
    from edgebench.deploy.transports.simulated.device import SimulatedDevice
    from edgebench.deploy.transports.simulated.scenarios import CLEAN, SCENARIOS

    named = {SIMULATED: CLEAN} | {f"{SIMULATED}:{name}": one for name, one in SCENARIOS.items()}
    return {name: partial(SimulatedDevice, scenario) for name, scenario in named.items()}


def cores_by_name(name: str, asked: tuple[int, ...] | str) -> tuple[int, ...] | None:
    """The numbers of the cores that are asked for, by number or by cluster; None for all.

    Raises `UnknownNameError`, and `UsageError` where the device has no clusters.
    """
    if isinstance(asked, tuple):
        return asked
    return None if asked == ALL_CORES else entry(name).cluster(asked).cores


def default_cores(
    name: str, threads: int, *, reachable: bool = True
) -> tuple[tuple[int, ...] | None, str]:
    """The cores to measure on where none are asked for, None for all, and what to say of that.

    It is the fastest cluster that has a core for every thread: a process that wanders between
    clusters gives no verdict. Where the entry has no clusters, or such as the device has not, the
    device's own frequencies decide, if it is `reachable`: one that is not is not looked for.
    """
    found = None if is_simulated(name) else entry(name)
    if found is None or found.transport not in PINNED or found.runner == "app":
        return None, ""
    enough = [one for one in found.clusters if len(one.cores) >= threads]
    fastest = enough[-1] if len(found.clusters) > 1 and enough else None
    device = get(name) if reachable else None
    there = core_check.read_cores(device.shell) if isinstance(device, RemoteDevice) else None
    own = there.fastest(threads) if there else None
    if fastest is None:
        said = f"{name} is measured on its fastest cores, {ranges(own or ())}"
        return (own, f"{said}, unless --cores names others") if own else (None, "")
    if there is None or _fits(fastest, there, own):
        what = f"{ranges(fastest.cores)} ({fastest.name}, {fastest.core})"
        return fastest.cores, f"{name} is measured on cores {what}, unless --cores names others"
    has = ranges(there.usable) + (f", the fastest {ranges(own)}" if own else "")
    lack = f"{has}, and not the {ranges(fastest.cores)} that its entry names"
    return own, f"{name} has cores {lack}: edgebench devices check {name}"


def _fits(cluster: Cluster, there: Cores, own: tuple[int, ...] | None) -> bool:
    """Whether an entry's fastest cluster can be used, and is what the device calls its fastest."""
    return there.usable.issuperset(cluster.cores) and set(own or ()) <= set(cluster.cores)


def cools_down(name: str) -> bool:
    """Whether a device is waited for to cool down between measuring processes."""
    return not is_simulated(name) and entry(name).transport in COOLED


def emulated(name: str) -> bool:
    """Whether time means nothing on a device."""
    return not is_simulated(name) and entry(name).transport == "emulated"
