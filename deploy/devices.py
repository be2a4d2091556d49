"""The devices: what can run a plan, by name."""

from __future__ import annotations

from edgebench.deploy.device import Device
from edgebench.deploy.local import LocalDevice
from edgebench.deploy.simulated.device import SimulatedDevice
from edgebench.deploy.simulated.scenarios import SCENARIOS
from edgebench.errors import UnknownNameError

DEVICES: dict[str, Device] = {device.name: device for device in (LocalDevice(), SimulatedDevice())}

SIMULATED = {f"simulated:{name}": scenario for name, scenario in SCENARIOS.items()}
"""Devices that are not listed, for they are one device on better and worse days."""


def get(name: str) -> Device:
    """The device of that name. Raises `UnknownNameError`."""
    if name in SIMULATED:
        return SimulatedDevice(SIMULATED[name])
    if name not in DEVICES:
        raise UnknownNameError("device", name, {*DEVICES, *SIMULATED})
    return DEVICES[name]
