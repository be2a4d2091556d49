"""`edgebench devices list`: all devices, what is attached, and what is missing."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edgebench import arguments
from edgebench.deploy.transports.table import TRANSPORTS

if TYPE_CHECKING:
    from edgebench.deploy.device.entry import DeviceEntry
    from edgebench.deploy.device.interface import AttachedDevice
    from edgebench.deploy.registry.discovery import Discovery

HELP = "list known devices, what is attached, and what each device needs"

WIDTH = 80

READY = "ready"
"""The state of what is attached and can be used."""


@dataclass(frozen=True)
class ListOptions:
    """Whether the list is printed as JSON."""

    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")


def options(namespace: argparse.Namespace) -> ListOptions:
    return arguments.read(ListOptions, namespace)


def execute(options: ListOptions) -> int:
    from edgebench.deploy.registry import discovery, registry

    entries = registry.load()
    sight = discovery.discover(entries.values())
    if options.json:
        own = registry.user_entries()
        rows = [_row(entry, sight, entry.name in own) for entry in entries.values()]
        print(json.dumps([*rows, *map(_stranger_row, sight.unknown)], indent=1))
    else:
        print("\n".join(shown(list(entries.values()), sight)))
    return 0


def shown(entries: Sequence[DeviceEntry], sight: Discovery) -> list[str]:
    """The lines of the list."""
    cells = [("device", "what it is", "by", "on hardware", "now")]
    cells += [
        (
            entry.name,
            entry.soc or entry.description,
            TRANSPORTS[entry.transport].shown_as,
            "verified" if entry.verified else "not verified",
            _now(entry, sight),
        )
        for entry in entries
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    lines.insert(1, "-" * min(WIDTH, sum(widths) + 2 * (len(widths) - 1)))
    return [*lines, *_attached_now(sight), *_what_is_lacking(entries, sight), *NOT_VERIFIED]


NOT_VERIFIED = (
    "",
    "not verified on hardware: edgebench was not tested with such a device yet",
    "iPhones: Core ML on them, Xcode's build, signing and real times were never seen",
)


def _now(entry: DeviceEntry, sight: Discovery) -> str:
    attached = sight.of(entry.name)
    if attached:
        return "attached" if any(one.state == READY for one in attached) else "not ready"
    if entry.name in sight.unavailable:
        return TRANSPORTS[entry.transport].unavailable
    return TRANSPORTS[entry.transport].absent


def _attached_now(sight: Discovery) -> Iterable[str]:
    if sight.attached:
        yield ""
        yield "attached"
    for one in sight.attached:
        yield from _entry(one.name or "(unknown)", f"{one.identity}: {one.state}", next_step(one))


def next_step(one: AttachedDevice) -> str:
    """What to do with something that is attached; nothing where it is ready and has a name."""
    if one.state != READY:
        return f"edgebench devices check {one.name or 'NAME'} shows what to do"
    if one.name is not None:
        return ""
    match = f" --match '{one.model}'" if one.model else ""
    return f"it has no name yet: edgebench devices add NAME --serial {one.identity}{match}"


def _what_is_lacking(entries: Iterable[DeviceEntry], sight: Discovery) -> Iterable[str]:
    """Each thing that is lacking, once."""
    said: set[str] = set()
    for entry in entries:
        error = sight.unavailable.get(entry.name)
        if error is None or error.message in said:
            continue
        if not said:
            yield ""
            yield "what is missing"
        said.add(error.message)
        yield from _entry(TRANSPORTS[entry.transport].unavailable, error.message, error.remedy)


def _entry(name: str, text: str, remedy: str) -> Iterable[str]:
    indent = " " * 16
    yield from _wrapped(text, f"  {name:<13} ", indent)
    if remedy:
        yield from _wrapped(remedy, f"{indent}-> ", f"{indent}   ")


def _wrapped(text: str, begin: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=begin,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _row(entry: DeviceEntry, sight: Discovery, own: bool) -> dict[str, Any]:
    from edgebench.deploy.device.cores import mask

    facts = asdict(entry)
    for cluster in facts["clusters"]:
        cluster["mask"] = mask(cluster["cores"])
    error = sight.unavailable.get(entry.name)
    return (
        {"name": facts.pop("name")}
        | facts
        | {
            "own": own,
            "attached": [
                {"identity": one.identity, "state": one.state} for one in sight.of(entry.name)
            ],
            "lacks": None if error is None else {"what": error.message, "remedy": error.remedy},
        }
    )


def _stranger_row(one: AttachedDevice) -> dict[str, Any]:
    """Something that is attached and has no entry."""
    return {
        "name": None,
        "attached": [{"identity": one.identity, "state": one.state}],
        "model": one.model,
        "remedy": next_step(one),
    }
