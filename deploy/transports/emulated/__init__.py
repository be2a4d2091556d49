"""Arm code under emulation, from packages only: no root, and the system is not changed."""

from __future__ import annotations

from collections.abc import Sequence

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import AttachedDevice
from edgebench.deploy.transports.emulated import system
from edgebench.deploy.transports.emulated.device import EmulatedDevice
from edgebench.errors import DeviceError


def device(entry: DeviceEntry) -> EmulatedDevice:
    """The device of an entry of the registry."""
    return EmulatedDevice(entry.name, entry.description)


def attached(entries: Sequence[DeviceEntry]) -> list[AttachedDevice]:
    return []


def unavailable(entry: DeviceEntry) -> DeviceError | None:
    """Why the entry's system cannot run yet: it has to be prepared first."""
    try:
        system.python()
    except DeviceError as error:
        return error
    return None
