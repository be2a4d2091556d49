"""`edgebench devices add`: a device of your own, or what you know of one of edgebench's."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from edgebench import arguments, console
from edgebench.deploy.device.entry import RunnerName
from edgebench.deploy.transports.table import ROWS
from edgebench.errors import UsageError

if TYPE_CHECKING:
    from edgebench.deploy.registry.user_devices import Value

HELP = "add a device, or set the address of a known one"

EPILOG = """\
examples:
  edgebench devices add rpi5 --host pi@rpi.local
  edgebench devices add rack-3 --like rpi5 --host rack3
  edgebench devices add desk --like pixel7 --serial 27061FDH2000XY
  edgebench devices add fairphone --transport adb --match FP5 \\
      --cluster little=0-3 --cluster big=4-6 --cluster prime=7
"""

FACTS = (
    ("--host", "USER@ADDRESS", "where ssh connects to"),
    ("--serial", "SERIAL", "serial number of the phone, as listed by adb devices"),
    ("--description", "TEXT", "description, shown in lists"),
    ("--soc", "TEXT", "chip, shown in lists"),
    ("--python", "PATH", "Python on the device that runs plans"),
    ("--benchmark-model", "PATH", "LiteRT's benchmark_model, to be sent to the device"),
    ("--app", "ID", "identifier of the sample app, if not the default"),
    ("--home", "PATH", "folder on the device for edgebench's files"),
)


@dataclass(frozen=True)
class AddOptions:
    """What is known of a device; what is None is not said. The fields are those of its entry."""

    name: str
    like: str | None = None
    transport: str | None = None
    host: str | None = None
    serial: str | None = None
    description: str | None = None
    soc: str | None = None
    python: str | None = None
    benchmark_model: str | None = None
    app: str | None = None
    home: str | None = None
    runner: str | None = None
    match: tuple[str, ...] | None = None
    cluster: tuple[dict[str, Any], ...] | None = None
    keep: bool = False
    replace: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    option = arguments.adder(parser, AddOptions)
    option("name", metavar="NAME", help="name for the device")
    option("--like", metavar="DEVICE", help="start with the facts about this device")
    choices = [row.name for row in ROWS if row.can_add]
    option("--transport", choices=choices, help="how the device is reached")
    for flag, kind, explanation in FACTS:
        option(flag, metavar=kind, help=explanation)
    help_ = "what runs plans on the device (default: the first that can)"
    option("--runner", choices=get_args(RunnerName), help=help_)
    help_ = "codename or model to recognise the device by"
    option("--match", type=arguments.names, metavar="A,B", help=help_)
    option(
        "--cluster",
        type=arguments.cluster,
        action="append",
        metavar="NAME=0-3",
        help="cores of one kind, slowest cluster first; NAME=0-3:Cortex-A55 also names the kind",
    )
    option("--keep", action="store_true", help="keep files on the device for the next run")
    option("--replace", action="store_true", help="overwrite a device of the same name")


def options(namespace: argparse.Namespace) -> AddOptions:
    return arguments.read(AddOptions, namespace)


def execute(options: AddOptions) -> int:
    from edgebench.deploy.registry import user_devices

    path = user_devices.add(options.name, _facts(options), replace=options.replace)
    console.say(f"added {options.name} to {path}")
    console.say(f"check it with: edgebench devices check {options.name}")
    return 0


def _facts(options: AddOptions) -> dict[str, Value]:
    """The fields of the device's table. Raises `UsageError`."""
    said: dict[str, Value] = {
        key: getattr(options, key) for key in _fields() if getattr(options, key)
    }
    if options.runner:
        said["runner"] = options.runner
    if options.match:
        said["match"] = list(options.match)
    if options.cluster:
        said["clusters"] = list(options.cluster)
    if options.keep:
        said["keep"] = True
    if not said:
        raise UsageError(
            f"no facts are given about {options.name}",
            "give an option, such as --host for a board or --serial for a phone",
        )
    return {**_begin(options, said), **said}


def _begin(options: AddOptions, said: Mapping[str, Value]) -> Mapping[str, Value]:
    """What the table begins with: another device, or how it is reached. Raises `UsageError`."""
    from edgebench.deploy.registry import registry

    reached = {"transport": options.transport} if options.transport else {}
    if options.like:
        return {"like": options.like} | reached
    if options.name in registry.shipped_entries() and not reached:
        return {"like": options.name}  # It keeps its other fields.
    transport = options.transport or next(
        (row.name for row in ROWS if any(key in said for key in row.implied_by)), None
    )
    if transport is None:
        raise UsageError(
            f"the transport of {options.name} is not given",
            "give --host (a board), --serial or --match (a phone), or --like DEVICE",
        )
    described = {} if options.description else {"description": f"{options.name}, over {transport}"}
    return described | {"transport": transport}


def _fields() -> tuple[str, ...]:
    return tuple(flag.lstrip("-").replace("-", "_") for flag, _, _ in FACTS)
