"""Arm code under emulation, from packages alone: no root, and nothing on the system changes."""

from __future__ import annotations

from edgebench.deploy.emulated.device import EmulatedDevice
from edgebench.deploy.registry import Entry


def device(entry: Entry) -> EmulatedDevice:
    """The device of an entry of the registry."""
    return EmulatedDevice(entry.name, entry.description)
