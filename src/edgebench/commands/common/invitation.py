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
    addresses = " or ".join(invitation.addresses)
    console.say(f"open this address in the browser that {name} is to be: {addresses}")
    if all("//localhost:" in one for one in invitation.addresses):
        port = invitation.port
        console.say(
            f"on a phone at the cable, first: adb reverse tcp:{port} tcp:{port}; "
            "for other devices: edgebench serve --help"
        )
    elif sys.stderr.isatty():
        _draw(invitation.addresses[0])


def _draw(address: str) -> None:
    """The address as a picture for a phone's camera, in characters."""
    import segno

    segno.make(address, micro=False).terminal(out=sys.stderr, border=2, compact=True)
