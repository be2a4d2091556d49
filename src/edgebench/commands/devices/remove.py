"""`edgebench devices remove`: remove one of your own devices from your file."""

from __future__ import annotations

import argparse

from edgebench import console

HELP = "remove a device that you added"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the device")


def execute(options: argparse.Namespace) -> int:
    from edgebench.deploy.registry import user_devices

    path = user_devices.remove(options.name)
    console.say(f"removed {options.name} from {path}")
    return 0
