"""Android phones, by the platform's own `adb`."""

from __future__ import annotations

from edgebench.deploy.registry.registry import Entry
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.store import Store
from edgebench.deploy.transports.adb.phones import attached
from edgebench.deploy.transports.adb.shell import AdbShell

__all__ = ["attached", "device"]

HOME = "/data/local/tmp/edgebench"
"""The one place of a phone that its shell may write to, and run programs from."""


def device(entry: Entry) -> RemoteDevice:
    """The phone of an entry; it is looked for when it is used. Raises `DeviceError` then."""
    from edgebench.deploy.transports.adb.runners import FirstThatWorks
    from edgebench.deploy.transports.adb.settings import put_back, settle

    shell = AdbShell(entry.name, entry.match, entry.serial)
    store = Store(shell, entry.home or HOME)
    runner = FirstThatWorks(entry, store)
    return RemoteDevice(
        entry.name,
        entry.description,
        store,
        runner,
        keep=entry.keep,
        settle=settle,
        restore=put_back,
    )
