"""`edgebench devices check`: check step by step whether a device can measure."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from edgebench import arguments
from edgebench.errors import EdgeBenchError

if TYPE_CHECKING:
    from edgebench.deploy.device.interface import CheckStep, Device

HELP = "check a device step by step and show how to fix problems"

WIDTH = 80
STATE, NAME = 9, 18
"""Columns of the step's state and of its name."""


@dataclass(frozen=True)
class CheckOptions:
    """The device to check, and whether its steps are printed as JSON."""

    name: str
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.adder(parser, CheckOptions)("name", metavar="NAME", help="name of the device")
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")


def options(namespace: argparse.Namespace) -> CheckOptions:
    return arguments.read(CheckOptions, namespace)


def execute(options: CheckOptions) -> int:
    from edgebench.deploy.registry import devices

    device = devices.get(options.name)
    if not options.json:
        print(textwrap.fill(f"{options.name}: {device.description}", WIDTH), flush=True)
    found: list[CheckStep] = []
    for step in steps(device):
        found.append(step)
        if not options.json:
            print(shown(step), flush=True)
    works = all(step.state != "missing" for step in found)
    if options.json:
        body = {"device": options.name, "works": works, "steps": [asdict(one) for one in found]}
        print(json.dumps(body, indent=1))
    else:
        print(textwrap.fill(verdict(options.name, found), WIDTH))
    return 0 if works else 1


def steps(device: Device) -> Iterator[CheckStep]:
    """The steps of a device's check. One that fails for another reason is the last."""
    from edgebench.deploy.device.interface import CheckStep

    try:
        yield from device.check()
    except EdgeBenchError as error:
        yield CheckStep("check", "missing", error.message, error.remedy)


def shown(step: CheckStep) -> str:
    """A step as lines of the terminal: state, name, what was found, and how to fix it."""
    indent = " " * (2 + STATE + NAME)
    begin = f"  {step.state:{STATE}}{step.name:{NAME - 1}} "
    lines = _wrapped(step.found, begin, indent)
    if step.remedy:
        lines += _wrapped(step.remedy, indent + "-> ", indent + "   ")
    return "\n".join(lines)


def verdict(name: str, steps: list[CheckStep]) -> str:
    """The last line: whether a run can work."""
    missing = sum(step.state == "missing" for step in steps)
    if missing:
        return f"{name} cannot measure yet: fix what is missing, from the top, and check again"
    if any(step.state == "note" for step in steps):
        return f"{name} can measure; the notes say how to improve it"
    return f"{name} can measure"


def _wrapped(text: str, begin: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=begin,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [begin.rstrip()]
