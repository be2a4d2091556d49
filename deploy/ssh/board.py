"""A board: a remote device that can be prepared."""

from __future__ import annotations

from edgebench.deploy.remote import RemoteDevice


class Board(RemoteDevice):
    pass
