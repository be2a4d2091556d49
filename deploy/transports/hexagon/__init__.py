"""Qualcomm's NPU in Qualcomm's own emulator on this machine: its arithmetic, never its time."""

from __future__ import annotations

from collections.abc import Sequence

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import AttachedDevice
from edgebench.deploy.npu import compiler
from edgebench.deploy.transports.hexagon.device import HexagonEmulator
from edgebench.errors import DeviceError, MissingExtraError


def device(entry: DeviceEntry) -> HexagonEmulator:
    """The device of an entry of the registry."""
    return HexagonEmulator(entry.name, entry.description, entry.soc_model or "")


def attached(entries: Sequence[DeviceEntry]) -> list[AttachedDevice]:
    return []


def unavailable(entry: DeviceEntry) -> DeviceError | None:
    """Why the emulator cannot be used: it comes with a package that is optional."""
    try:
        compiler.qualcomm_libraries()
    except MissingExtraError as error:
        return DeviceError(error.message, error.remedy)
    return None
