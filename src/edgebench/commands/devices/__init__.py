"""`edgebench devices`: list the devices, add and remove your own, check and prepare them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from edgebench.commands.devices import add, check, clean, listing, prepare, remove

if TYPE_CHECKING:
    from edgebench.cli import Command

HELP = "list the devices; add, check and prepare them"

ACTIONS: dict[str, Command] = {
    "list": listing,
    "check": check,
    "add": add,
    "remove": remove,
    "prepare": prepare,
    "clean": clean,
}

EPILOG = """\
examples:
  edgebench devices                               what is known and attached
  edgebench devices check pixel7                  does it work, step by step
  edgebench devices add rpi5 --host pi@rpi.local  where your Raspberry Pi 5 is
  edgebench devices add desk --like pixel7 --serial 27061FDH2000XY
  edgebench devices prepare rpi5                  install there what runs need
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    listing.add_arguments(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    for name, action in ACTIONS.items():
        action.add_arguments(
            actions.add_parser(
                name, help=action.HELP, description=action.HELP[0].upper() + action.HELP[1:] + "."
            )
        )


def execute(options: argparse.Namespace) -> int:
    return ACTIONS[options.action or "list"].execute(options)
