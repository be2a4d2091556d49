"""The devices: what can run a plan, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from edgebench.deploy.local import LocalDevice
from edgebench.deploy.result import RunResult
from edgebench.deploy.simulated.device import SimulatedDevice
from edgebench.deploy.simulated.scenarios import SCENARIOS
from edgebench.errors import UnknownNameError
from edgebench.progress import Progress


class Device(Protocol):
    """Something that carries out the plan of a run folder (see `edgebench.deploy.staging`)."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats that it can run at all, whether or not their runtimes are installed."""
        ...

    def run(self, folder: Path, progress: Progress) -> RunResult:
        """Carry out what is left of the folder's plan, and return all that is measured so far.

        Leaves `result.json` and `outputs/` in the folder, as they come. On Ctrl-C it returns
        what there is, with `complete` false. Raises `DeviceError`.
        """
        ...


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
