"""`edgebench devices add`: a device of your own, or what you know of one of edgebench's."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

from edgebench import arguments, console
from edgebench.deploy.device.entry import RunnerName
from edgebench.deploy.transports.table import ROWS
from edgebench.errors import UsageError

if TYPE_CHECKING:
    from edgebench.deploy.registry.user_devices import Value

HELP = "add a device of your own, or say where one that is known can be found"

EPILOG = """\
examples:
  edgebench devices add rpi5 --host pi@rpi.local
  edgebench devices add rack-3 --like rpi5 --host rack3
  edgebench devices add desk --like pixel7 --serial 27061FDH2000XY
  edgebench devices add fairphone --transport adb --match FP5 \\
      --cluster little=0-3 --cluster big=4-6 --cluster prime=7
"""

FACTS = (
    ("--host", "USER@ADDRESS", "what ssh is to connect to"),
    ("--serial", "SERIAL", "the one phone that is meant, as adb devices lists it"),
    ("--description", "TEXT", "what it is, for people"),
    ("--soc", "TEXT", "its chip, for people"),
    ("--python", "PATH", "the Python there that runs plans"),
    ("--benchmark-model", "PATH", "LiteRT's benchmark_model, here, to be sent there"),
    ("--app", "ID", "the sample app's package or bundle identifier, where it is another"),
    ("--home", "PATH", "the folder there that edgebench keeps its things in"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    option = parser.add_argument
    option("name", metavar="NAME", help="what to call it")
    option("--like", metavar="DEVICE", help="begin with what is known of that device")
    choices = [row.name for row in ROWS if row.can_add]
    option("--transport", choices=choices, help="how it is reached")
    for flag, kind, explanation in FACTS:
        option(flag, metavar=kind, help=explanation)
    option(
        "--runner",
        choices=get_args(RunnerName),
        help="what carries out plans there, not the first that can",
    )
    option("--match", type=arguments.names, metavar="A,B", help="codename or model, to know it by")
    option(
        "--cluster",
        type=arguments.cluster,
        action="append",
        metavar="NAME=0-3",
        help="cores of one kind and their name, slowest first; NAME=0-3:Cortex-A55 says which kind",
    )
    option("--keep", action="store_true", help="leave what is sent there for the next run")
    option("--replace", action="store_true", help="write it anew if it is there")


def execute(options: argparse.Namespace) -> int:
    from edgebench.deploy.registry import user_devices

    path = user_devices.add(options.name, _facts(options), replace=options.replace)
    console.say(f"added {options.name} to {path}")
    console.say(f"see whether it works: edgebench devices check {options.name}")
    return 0


def _facts(options: argparse.Namespace) -> dict[str, Value]:
    """The fields of the device's table. Raises `UsageError`."""
    said: dict[str, Value] = {
        key: getattr(options, key) for key in _fields() if getattr(options, key)
    }
    if options.runner:
        said["runner"] = options.runner
    if options.match:
        said["match"] = list(options.match)
    if options.cluster:
        said["clusters"] = options.cluster
    if options.keep:
        said["keep"] = True
    if not said:
        raise UsageError(
            f"nothing is said of {options.name}",
            "say what you know of it, such as --host for a board or --serial for a phone",
        )
    return _begin(options, said) | said


def _begin(options: argparse.Namespace, said: Mapping[str, Value]) -> dict[str, Value]:
    """What the table begins with: another device, or how it is reached. Raises `UsageError`."""
    from edgebench.deploy.registry import registry

    reached = {"transport": options.transport} if options.transport else {}
    if options.like:
        return {"like": options.like} | reached
    if options.name in registry.shipped_entries() and not reached:
        return {"like": options.name}  # It stays what it is when more is said of it.
    transport = options.transport or next(
        (row.name for row in ROWS if any(key in said for key in row.implied_by)), None
    )
    if transport is None:
        raise UsageError(
            f"how {options.name} is reached is not said",
            "give --host (a board), --serial or --match (a phone), or --like DEVICE",
        )
    described = {} if options.description else {"description": f"{options.name}, over {transport}"}
    return described | {"transport": transport}


def _fields() -> tuple[str, ...]:
    return tuple(flag.lstrip("-").replace("-", "_") for flag, _, _ in FACTS)
