"""The option of actions that take nothing but the name of a device."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from edgebench import arguments


@dataclass(frozen=True)
class NamedDevice:
    """The device to act on."""

    name: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.adder(parser, NamedDevice)("name", metavar="NAME", help="name of the device")


def options(namespace: argparse.Namespace) -> NamedDevice:
    return arguments.read(NamedDevice, namespace)
