"""Saying what has to be opened on a device that comes here: an address, also as a QR code."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from edgebench import console

if TYPE_CHECKING:
    from edgebench.deploy.device.interface import Device, Invitation


@contextmanager
def sent(devices: Mapping[str, Device], takes: str) -> Iterator[None]:
    """Be open to all devices that have to be brought here, and say how to bring them.

    Raises `DeviceError` and `UsageError`.
    """
    from edgebench.deploy.device.interface import Inviting

    with ExitStack() as stack:
        for name, device in devices.items():
            if isinstance(device, Inviting):
                _say(name, stack.enter_context(device.invited(takes)))
        yield


def _say(name: str, invitation: Invitation) -> None:
    whose = f"{name.rpartition(':')[2]}'s browser" if ":" in name else "a browser"
    for number, address in enumerate(invitation.addresses):
        console.say(f"{'or' if number else f'open this in {whose}'}: {address}")
    if invitation.here_only:
        port = invitation.port
        for serial in _phones():
            console.say(
                f"the phone {serial} on its cable can open it too, after: "
                f"adb -s {serial} reverse tcp:{port} tcp:{port}"
            )
        console.say("other devices can with: edgebench serve --listen 0.0.0.0")
    if sys.stderr.isatty():
        _draw(invitation.addresses[0])


def _phones() -> list[str]:
    """The serials of phones that adb sees and may use; none without adb."""
    from edgebench.deploy.transports.adb import client
    from edgebench.errors import DeviceError

    try:
        return [phone.serial for phone in client.phones() if phone.ready]
    except DeviceError:
        return []


def _draw(address: str) -> None:
    """The address as a picture for a phone's camera, in characters."""
    import segno

    segno.make(address, micro=False).terminal(out=sys.stderr, border=2, compact=True)
