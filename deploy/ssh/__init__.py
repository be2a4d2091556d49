"""Boards over ssh: OpenSSH's own client, and a Python at the other end."""

from __future__ import annotations

from edgebench.deploy.registry import Entry
from edgebench.deploy.ssh.board import Board
from edgebench.deploy.ssh.shell import SshShell

HOME = "~/.cache/edgebench"


def device(entry: Entry) -> Board:
    """The board of an entry: its `host`, or else its name, is what `ssh` connects to."""
    return Board(
        entry.name,
        entry.description,
        SshShell(entry.host or entry.name, entry.name),
        entry.home or HOME,
        entry.python or "python3",
        keep=entry.keep,
    )
