"""Android phones, by the platform's own `adb`."""

from __future__ import annotations

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.store import Store
from edgebench.deploy.transports.adb.phones import attached
from edgebench.deploy.transports.adb.shell import AdbShell
from edgebench.errors import DeviceError

__all__ = ["attached", "device", "unavailable"]

HOME = "/data/local/tmp/edgebench"
"""The one place of a phone that its shell may write to, and run programs from."""


def device(entry: DeviceEntry) -> RemoteDevice:
    """The phone of an entry. It is searched when it is used, which may raise `DeviceError`."""
    from edgebench.deploy.transports.adb.runners import FirstWorkingRunner
    from edgebench.deploy.transports.adb.settings import apply_settings, restore_settings

    shell = AdbShell(entry.name, entry.match, entry.serial)
    store = Store(shell, entry.home or HOME)
    runner = FirstWorkingRunner(entry, store)
    return RemoteDevice(
        entry.name,
        entry.description,
        store,
        runner,
        entry=entry,
        keep=entry.keep,
        set_up=apply_settings,
        restore=restore_settings,
    )


def unavailable(entry: DeviceEntry) -> DeviceError | None:
    return None
