"""`edgebench compare`: what changed between two runs, and a gate for CI."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import arguments, console
from edgebench.commands.common import exits, gate

if TYPE_CHECKING:
    from edgebench.benchmarks.results.regression import Change

HELP = "compare two runs, and fail if the second is slower"

EXAMPLES = """\
  edgebench compare A B --fail-above 5%        two runs by their names
  edgebench compare main.json runs/NEW --junit compare.xml
"""


@dataclass(frozen=True)
class CompareOptions:
    """The two runs, and how to judge what changed."""

    before: str
    after: str
    runs: Path = Path("runs")
    fail_above: float | None = None
    junit: Path | None = None
    latency: bool = False
    anyway: bool = False
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = arguments.adder(parser, CompareOptions)
    add("before", metavar="A", help="name or folder of a run, or a comparison.json")
    add("after", metavar="B", help="the later run")
    add("--runs", type=Path, metavar="DIR", help="folder that runs are stored in")
    gate.add_arguments(add)
    add("--latency", action="store_true", help="also judge latencies: the sessions were alike")
    add("--anyway", action="store_true", help="compare runs that were not measured alike")
    add("--json", action="store_true", help="print JSON")


def options(namespace: argparse.Namespace) -> CompareOptions:
    return arguments.read(CompareOptions, namespace)


def execute(options: CompareOptions) -> int:
    from edgebench.benchmarks.report import change, junit
    from edgebench.benchmarks.results import regression
    from edgebench.benchmarks.runs import history
    from edgebench.documents import dump

    found = regression.change(
        history.read(options.before, options.runs),
        history.read(options.after, options.runs),
        limit=options.fail_above,
        latency=options.latency,
        anyway=options.anyway,
    )
    if options.json:
        print(dump(found), end="")
    else:
        change.render(found, console.results(100))
    if options.junit is not None:
        console.save(options.junit, junit.render([junit.of_change(found)]))
    return _exit_code(found)


def _exit_code(found: Change) -> int:
    if found.having("regressed"):
        return exits.ABOVE
    return exits.NO_VERDICT if found.having("not judged") else exits.DONE
