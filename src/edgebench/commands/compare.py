"""`edgebench compare`: what changed between two runs, and a gate for CI."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import console
from edgebench.commands import exits, gate

if TYPE_CHECKING:
    from edgebench.benchmarks.results.regression import Change

HELP = "compare two runs, and fail where the second is slower"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("before", metavar="A", help="a run's name, its folder, or a comparison.json")
    add("after", metavar="B", help="the later run")
    add("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where runs are kept")
    gate.add_arguments(parser)
    add("--latency", action="store_true", help="judge latencies too: the sessions were alike")
    add("--anyway", action="store_true", help="compare runs that were not measured alike")
    add("--json", action="store_true", help="print JSON")


def execute(options: argparse.Namespace) -> int:
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
    if options.junit:
        gate.write(options.junit, junit.render([junit.of_change(found)]))
    return _exit_code(found)


def _exit_code(found: Change) -> int:
    if found.having("regressed"):
        return exits.ABOVE
    return exits.NO_VERDICT if found.having("not judged") else 0
