"""Boards over ssh: OpenSSH's own client, and a Python on the board."""

from __future__ import annotations

from collections.abc import Sequence

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import AttachedDevice
from edgebench.deploy.transports.ssh.board import Board
from edgebench.deploy.transports.ssh.shell import SshShell
from edgebench.errors import DeviceError


def device(entry: DeviceEntry) -> Board:
    """The board of an entry: its `host`, or else its name, is what `ssh` connects to."""
    return Board(entry, SshShell(entry.host or entry.name, entry.name))


def attached(entries: Sequence[DeviceEntry]) -> list[AttachedDevice]:
    return []


def unavailable(entry: DeviceEntry) -> DeviceError | None:
    """Why an entry cannot be reached, as far as can be known without trying."""
    if entry.host is not None:
        return None
    return DeviceError(
        "no host is set, so ssh would connect to a host with the device's name",
        f"edgebench devices add {entry.name} --host USER@ADDRESS",
    )
