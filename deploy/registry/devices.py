"""The devices: what can run a plan, by name."""

from __future__ import annotations

from edgebench.deploy.device.cores import ranges
from edgebench.deploy.device.entry import Cluster, DeviceEntry
from edgebench.deploy.device.interface import Device
from edgebench.deploy.registry import registry
from edgebench.deploy.remote import core_check
from edgebench.deploy.remote.core_check import Cores
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.transports.table import TRANSPORTS
from edgebench.errors import UnknownNameError

ALL_CORES = "all"


def get(name: str) -> Device:
    """The device of that name. Raises `UnknownNameError` and `InvalidFileError`."""
    found = entry(name)
    return TRANSPORTS[found.transport].package().device(found)


def entry(name: str) -> DeviceEntry:
    """What is known of a device. Raises `UnknownNameError` and `InvalidFileError`."""
    entries = registry.load()
    if name in entries:
        return entries[name]
    simulated = _simulated()
    if name in simulated:
        return simulated[name]
    raise UnknownNameError("device", name, {*entries, *simulated})


def is_simulated(name: str) -> bool:
    """Whether that is a simulated device's name, or would be one; no other can be called so."""
    return name.partition(":")[0] == "simulated"


def _simulated() -> dict[str, DeviceEntry]:
    """The simulated devices by name; they need NumPy, which a list of devices does not."""
    from edgebench.deploy.transports.simulated import entries

    return entries()


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
    found = entry(name)
    if not TRANSPORTS[found.transport].dedicated or found.runner == "app":
        return None, ""
    enough = [one for one in found.clusters if len(one.cores) >= threads]
    fastest = enough[-1] if len(found.clusters) > 1 and enough else None
    device = get(name) if reachable else None
    there = core_check.read_cores(device.shell) if isinstance(device, RemoteDevice) else None
    own = there.fastest(threads) if there else None
    if fastest is None:
        said = f"{name} is measured on its fastest cores, {ranges(own or ())}"
        return (own, f"{said}, (change with --cores)") if own else (None, "")
    if there is None or _fits(fastest, there, own):
        what = f"{ranges(fastest.cores)} ({fastest.name}, {fastest.core})"
        return fastest.cores, f"{name} is measured on cores {what}, (change with --cores)"
    has = ranges(there.usable) + (f", the fastest {ranges(own)}" if own else "")
    lack = f"{has}, but its entry names {ranges(fastest.cores)}"
    return own, f"{name} has cores {lack}: edgebench devices check {name}"


def _fits(cluster: Cluster, there: Cores, own: tuple[int, ...] | None) -> bool:
    """Whether an entry's fastest cluster can be used, and is what the device calls its fastest."""
    return there.usable.issuperset(cluster.cores) and set(own or ()) <= set(cluster.cores)


def cools_down(name: str) -> bool:
    """Whether a device is waited for to cool down between measuring processes."""
    return TRANSPORTS[entry(name).transport].dedicated


def has_latency(name: str) -> bool:
    """Whether the times of a device mean anything."""
    return TRANSPORTS[entry(name).transport].has_latency
