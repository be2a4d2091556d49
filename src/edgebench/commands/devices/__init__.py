"""`edgebench devices`: list the devices, add and remove your own, check and prepare them."""

from __future__ import annotations

import argparse
from typing import Protocol

from edgebench.commands.devices import add, check, clean, listing, prepare, remove

HELP = "list, add, check and prepare devices"


class Action(Protocol):
    """What each module of this package offers."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def execute(self, options: argparse.Namespace) -> int: ...


ACTIONS: dict[str, Action] = {
    "list": listing,
    "check": check,
    "add": add,
    "remove": remove,
    "prepare": prepare,
    "clean": clean,
}

EXAMPLES = """\
  edgebench devices                               known and attached devices
  edgebench devices check pixel7                  check it, step by step
  edgebench devices add rpi5 --host pi@rpi.local  where your Raspberry Pi 5 is
  edgebench devices add desk --like pixel7 --serial 27061FDH2000XY
  edgebench devices prepare rpi5                  install what runs need
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    listing.add_arguments(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    for name, action in ACTIONS.items():
        action.add_arguments(
            actions.add_parser(
                name, help=action.HELP, description=action.HELP[0].upper() + action.HELP[1:] + "."
            )
        )


def options(namespace: argparse.Namespace) -> argparse.Namespace:
    return namespace


def execute(options: argparse.Namespace) -> int:
    return ACTIONS[options.action or "list"].execute(options)
