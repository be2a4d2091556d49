"""A simulated device: it carries out plans in virtual time, with known overheads."""

from __future__ import annotations

from collections.abc import Sequence

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import AttachedDevice
from edgebench.deploy.transports.simulated.device import SimulatedDevice
from edgebench.deploy.transports.simulated.scenarios import CLEAN, SCENARIOS
from edgebench.errors import DeviceError

SIMULATED = "simulated"
"""The transport of devices that are no machine, and what their names begin with."""


def entries() -> dict[str, DeviceEntry]:
    """The entries of the simulated devices, by name. They are in no file."""
    scenarios = {SIMULATED: CLEAN} | {f"{SIMULATED}:{name}": one for name, one in SCENARIOS.items()}
    return {name: DeviceEntry(one.description, SIMULATED, name) for name, one in scenarios.items()}


def device(entry: DeviceEntry) -> SimulatedDevice:
    """The device of an entry, whose name selects the scenario."""
    return SimulatedDevice(SCENARIOS[entry.name.partition(":")[2] or CLEAN.name])


def attached(entries: Sequence[DeviceEntry]) -> list[AttachedDevice]:
    return []


def unavailable(entry: DeviceEntry) -> DeviceError | None:
    return None
