"""The devices: what can run a plan, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from edgebench.deploy import registry
from edgebench.deploy.device import Device
from edgebench.deploy.registry import Entry
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


def cores(name: str, asked: tuple[int, ...] | str) -> tuple[int, ...]:
    """The numbers of the cores that are asked for on a device, by number or by cluster.

    Raises `UnknownNameError`, and `UsageError` where the device has no clusters.
    """
    return registry.cores_of(entry(name), asked) if isinstance(asked, str) else asked
