"""`edgebench trend`: how overheads changed from run to run on one device."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from edgebench import arguments, console

HELP = "show how overheads changed from run to run on a device"

EXAMPLES = """\
  edgebench trend mobilenet_v2_ca              on this machine
  edgebench trend --device pixel7 --html trend.html
"""


@dataclass(frozen=True)
class TrendOptions:
    """Whose runs to look at, and of which models; of all where none is named."""

    model: tuple[str, ...] = ()
    device: str = "local"
    runs: Path = Path("runs")
    html: Path | None = None
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = arguments.adder(parser, TrendOptions)
    add("model", nargs="*", metavar="MODEL", help="only these models (default: all)")
    add("--device", metavar="NAME", help="device of the runs")
    add("--runs", type=Path, metavar="DIR", help="folder that runs are stored in")
    add("--html", type=Path, metavar="PATH", help="write a page with charts")
    add("--json", action="store_true", help="print JSON")


def options(namespace: argparse.Namespace) -> TrendOptions:
    return arguments.read(TrendOptions, namespace)


def execute(options: TrendOptions) -> int:
    from edgebench.benchmarks.report import trend as report
    from edgebench.benchmarks.results.trend import trend
    from edgebench.benchmarks.runs.history import comparisons
    from edgebench.documents import dump

    found = trend(comparisons(options.runs), options.device, options.model)
    if options.json:
        print(dump(found), end="")
    else:
        report.render(found, console.results(100))
    if options.html is not None:
        console.save(options.html, report.page(found))
    return 0
