"""`edgebench devices`: list the devices."""

from __future__ import annotations

import argparse
import json

from edgebench import console

HELP = "list the devices"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(options: argparse.Namespace) -> int:
    from edgebench.deploy import registry

    entries = registry.load()

    if options.json:
        rows = [{"name": one.name, "description": one.description} for one in entries.values()]
        print(json.dumps(rows, indent=1))
        return 0
    table = console.table("device", "what it is")
    for device in entries.values():
        table.add_row(device.name, device.description)
    console.show(table)
    return 0
