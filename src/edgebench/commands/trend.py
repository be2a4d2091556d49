"""`edgebench trend`: how overheads went from run to run on one device."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgebench import console
from edgebench.commands import gate

HELP = "show how overheads went from run to run on a device"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", nargs="*", metavar="MODEL", help="only these models")
    add("--device", default="local", metavar="NAME", help="whose runs")
    add("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where runs are kept")
    add("--html", type=Path, metavar="PATH", help="write a page with drawings")
    add("--json", action="store_true", help="print JSON")


def execute(options: argparse.Namespace) -> int:
    from edgebench.benchmarks.report import trend as report
    from edgebench.benchmarks.results.trend import trend
    from edgebench.benchmarks.runs.history import comparisons
    from edgebench.documents import dump

    found = trend(comparisons(options.runs), options.device, options.model)
    if options.json:
        print(dump(found), end="")
    else:
        report.render(found, console.results(100))
    if options.html:
        gate.write(options.html, report.page(found))
    return 0
