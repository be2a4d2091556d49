"""The devices: what can run a plan, by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from edgebench.deploy import registry
from edgebench.deploy.device import Device
from edgebench.deploy.registry import Entry
from edgebench.deploy.simulated.device import SimulatedDevice
from edgebench.deploy.simulated.scenarios import CLEAN, SCENARIOS
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

SIMULATED = {
    "simulated": CLEAN,
    **{f"simulated:{name}": scenario for name, scenario in SCENARIOS.items()},
}
"""Devices that are numbers, to try things on: one machine on better and worse days."""


def get(name: str) -> Device:
    """The device of that name. Raises `UnknownNameError` and `InvalidFileError`."""
    if name in SIMULATED:
        return SimulatedDevice(SIMULATED[name])
    entries = registry.load()
    if name not in entries:
        raise UnknownNameError("device", name, {*entries, *SIMULATED})
    make: Callable[[Entry], Device] = import_module(TRANSPORTS[entries[name].transport]).device
    return make(entries[name])
