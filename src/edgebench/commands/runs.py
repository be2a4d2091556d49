"""`edgebench runs`: list the runs that are stored."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import arguments, console

if TYPE_CHECKING:
    from edgebench.benchmarks.runs.history import RunEntry

HELP = "list the stored runs"

EXAMPLES = """\
  edgebench runs
  edgebench runs --device pixel7 --json
"""


@dataclass(frozen=True)
class RunsOptions:
    """Which runs to list: those of one device, None for all."""

    runs: Path = Path("runs")
    device: str | None = None
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = arguments.adder(parser, RunsOptions)
    add("--runs", type=Path, metavar="DIR", help="folder that runs are stored in")
    add("--device", metavar="NAME", help="only runs on this device")
    add("--json", action="store_true", help="print JSON")


def options(namespace: argparse.Namespace) -> RunsOptions:
    return arguments.read(RunsOptions, namespace)


def execute(options: RunsOptions) -> int:
    from edgebench.benchmarks.runs import history

    entries = history.entries(options.runs, options.device)
    if options.json:
        print(json.dumps([asdict(entry) for entry in entries], indent=1))
        return 0
    if not entries:
        console.say(f"there are no runs in {options.runs}; start one: edgebench run")
        return 0
    table = console.table("run", "models", "verdicts", "state")
    for column in table.columns:
        column.no_wrap = column.header == "run"
        column.overflow = "fold"
    for entry in entries:
        table.add_row(*_cells(entry))
    console.results(80).print(table)
    for entry in entries:
        if entry.problem:
            console.say(f"{entry.name}: {entry.problem}")
    return 0


def _cells(entry: RunEntry) -> tuple[str, ...]:
    measured = "\n".join(filter(None, (", ".join(entry.models), ", ".join(entry.kinds))))
    verdicts = "\n".join(f"{count} {outcome}" for outcome, count in entry.verdicts)
    return entry.name, measured, verdicts, entry.state
