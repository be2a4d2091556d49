"""Boards over ssh: OpenSSH's own client, and a Python at the other end."""

from __future__ import annotations

from edgebench.deploy.device import Device
from edgebench.deploy.python_runner import PythonRunner
from edgebench.deploy.registry import Entry
from edgebench.deploy.ssh.board import Board
from edgebench.deploy.ssh.shell import SshShell
from edgebench.deploy.store import Store
from edgebench.errors import DeviceError

HOME = "~/.cache/edgebench"


def device(entry: Entry) -> Device:
    """The board of an entry: its `host`, or else its name, is what `ssh` connects to."""
    shell = SshShell(entry.host or entry.name, entry.name)
    runner = PythonRunner(entry.python or "python3")
    store = Store(shell, entry.home or HOME)
    return Board(entry.name, entry.description, store, runner, keep=entry.keep)


def lacking(entry: Entry) -> DeviceError | None:
    """What an entry has to have before it can be reached, as far as can be told without trying."""
    if entry.host is not None:
        return None
    return DeviceError(
        "no host is set, so ssh connects to a host of the device's own name",
        f"edgebench devices add {entry.name} --host USER@ADDRESS",
    )
