"""This Mac: Core ML, and what runs on any machine. Not verified on hardware.

Plans of Core ML packages alone are executed by the core of the iOS app where it can be built, which
predicts into memory that is allocated once; others by the Python runner with coremltools.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import AttachedDevice, CheckStep
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import read_plan
from edgebench.deploy.runner import engines
from edgebench.deploy.transports.apple import mac_tool
from edgebench.deploy.transports.local import LocalDevice
from edgebench.errors import DeviceError
from edgebench.progress import Progress


class Mac(LocalDevice):
    """The local device if it is a Mac, with Core ML as one more format."""

    formats = (engines.COREML, *engines.FORMATS)

    def __init__(self, entry: DeviceEntry) -> None:
        super().__init__(entry.python or sys.executable)
        self.name = entry.name
        self.description = entry.description

    def reserved(self) -> AbstractContextManager[None]:
        """See `Device.reserved`."""
        require_mac()
        return super().reserved()

    def run(self, folder: Path, progress: Progress) -> RunResult:
        """See `Device.run`."""
        require_mac()
        formats = {one.format for one in read_plan(folder).artifacts.values()}
        command = mac_tool.find() if formats == {engines.COREML} else None
        if command is None:
            return super().run(folder, progress)
        return mac_tool.run([str(command)], folder, progress)

    def check(self) -> Iterator[CheckStep]:
        """See `Device.check`."""
        try:
            require_mac()
        except DeviceError as error:
            yield CheckStep("Mac", "missing", error.message, error.remedy)
            return
        yield CheckStep("Mac", "ok", "this is a Mac")
        yield mac_tool.check()
        yield from super().check()


def require_mac() -> None:
    """Raises `DeviceError` on any other system."""
    if sys.platform != "darwin":
        raise DeviceError(
            "this is not a Mac: Core ML only runs on Apple's systems",
            "run edgebench on a Mac with macOS 13 or newer; on this machine, measure another "
            "format with: --device local",
        )


def device(entry: DeviceEntry) -> Mac:
    """The device of an entry of the registry."""
    return Mac(entry)


def attached(entries: Sequence[DeviceEntry]) -> list[AttachedDevice]:
    return []


def unavailable(entry: DeviceEntry) -> DeviceError | None:
    """What the device needs first; see `edgebench.deploy.registry.discovery.look`."""
    try:
        require_mac()
    except DeviceError as error:
        return error
    return None
