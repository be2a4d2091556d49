"""`edgebench devices clean`: remove all that edgebench left on a device."""

from __future__ import annotations

import argparse

from edgebench import console
from edgebench.errors import UsageError

HELP = "remove everything that edgebench left on a device"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the device")


def execute(options: argparse.Namespace) -> int:
    from edgebench.deploy.device.interface import Cleanable
    from edgebench.deploy.registry import devices

    device = devices.get(options.name)
    if not isinstance(device, Cleanable):
        raise UsageError(
            f"edgebench leaves nothing on {options.name}", "there is nothing to remove"
        )
    console.say(device.clean())
    return 0
