"""The devices: what can run a plan, by name."""

from __future__ import annotations

import re
from dataclasses import replace

from edgebench.deploy.device.cores import ranges
from edgebench.deploy.device.entry import Cluster, DeviceEntry, RunnerName
from edgebench.deploy.device.interface import Device
from edgebench.deploy.npu import socs
from edgebench.deploy.registry import registry
from edgebench.deploy.remote import core_check
from edgebench.deploy.remote.core_check import Cores
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.transports.table import TRANSPORTS
from edgebench.errors import UnknownNameError, UsageError

ALL_CORES = "all"

BROWSER = "browser"
"""The device that is any browser; `browser:anna` and `browser:ben` are two of them at once."""

EMULATOR = "hexagon-emulator"
"""The emulated NPU; `hexagon-emulator:SM8750` is that of another SoC than its entry's."""

NAMED = re.compile(r"[\w-]+:[\w.-]+")


def get(name: str, runner: RunnerName | None = None) -> Device:
    """The device of that name, with another runner than its entry's if one is named.

    Raises `UnknownNameError` and `InvalidFileError`, and `UsageError` where runners cannot be
    chosen.
    """
    found = entry(name)
    if runner is not None:
        if found.transport != "adb":
            raise UsageError(
                f"{name} has no runners to choose from", "only phones over adb have several"
            )
        found = replace(found, runner=runner)
    return TRANSPORTS[found.transport].package().device(found)


def entry(name: str) -> DeviceEntry:
    """The entry of a device. Raises `UnknownNameError` and `InvalidFileError`."""
    entries = registry.load()
    if name in entries:
        return entries[name]
    kind, colon, _ = name.partition(":")
    if colon and kind == BROWSER and NAMED.fullmatch(name):
        return replace(entries[BROWSER], name=name)
    if colon and kind == EMULATOR:
        chosen = socs.soc(name.partition(":")[2])
        return replace(entries[EMULATOR], name=name, soc=chosen.model, soc_model=chosen.model)
    simulated = _simulated()
    if name in simulated:
        return simulated[name]
    raise UnknownNameError("device", name, {*entries, *simulated})


def is_simulated(name: str) -> bool:
    """Whether a name has the form of a simulated device's; no other device can have it."""
    return name.partition(":")[0] == "simulated"


def _simulated() -> dict[str, DeviceEntry]:
    """The simulated devices by name. They need NumPy, which a list of devices does not."""
    from edgebench.deploy.transports.simulated import entries

    return entries()


def cores_by_name(name: str, asked: tuple[int, ...] | str) -> tuple[int, ...] | None:
    """The numbers of the cores that were asked for, by number or by cluster; None for all.

    Raises `UnknownNameError`, and `UsageError` if the device has no clusters.
    """
    if isinstance(asked, tuple):
        return asked
    return None if asked == ALL_CORES else entry(name).cluster(asked).cores


def default_cores(
    name: str, threads: int, *, reachable: bool = True
) -> tuple[tuple[int, ...] | None, str]:
    """The default cores, None for all, and a message about them, which may be empty.

    They are the fastest cluster that has a core for every thread: a process that moves between
    clusters gives no verdict. If the entry has no clusters, or clusters that the device does not
    have, the device's own frequencies decide. A device that is not `reachable` is not asked.
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
    """Whether an entry's fastest cluster is usable and is the fastest one of the device too."""
    return there.usable.issuperset(cluster.cores) and set(own or ()) <= set(cluster.cores)


def cools_down(name: str) -> bool:
    """Whether runs wait for the device to cool down between measuring processes."""
    return TRANSPORTS[entry(name).transport].dedicated


def usual_format(name: str) -> str:
    """The format that is measured on the device where none is named."""
    return TRANSPORTS[entry(name).transport].usual_format


def has_latency(name: str) -> bool:
    """Whether the device's times are meaningful."""
    return TRANSPORTS[entry(name).transport].has_latency
