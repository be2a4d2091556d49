"""`edgebench devices`: list the devices, add and remove your own, check and prepare them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from edgebench.commands.devices import add, check, clean, listing, prepare, remove

HELP = "list, add, check and prepare devices"


O = TypeVar("O")  # noqa: E741


class Action(Protocol[O]):
    """What each module of this package offers."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def options(self, namespace: argparse.Namespace) -> O: ...

    def execute(self, options: O) -> int: ...


@dataclass(frozen=True)
class DevicesOptions:
    """An action by name, and its own options."""

    action: str
    of_action: Any


ACTIONS: dict[str, Action[Any]] = {
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


def options(namespace: argparse.Namespace) -> DevicesOptions:
    action = namespace.action or "list"
    return DevicesOptions(action, ACTIONS[action].options(namespace))


def execute(options: DevicesOptions) -> int:
    return ACTIONS[options.action].execute(options.of_action)
