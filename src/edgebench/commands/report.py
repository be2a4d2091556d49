"""`edgebench report`: show a run again, on the terminal or as a document."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from edgebench import arguments
from edgebench.commands.common import exits, reporting
from edgebench.commands.common.finding import find_run
from edgebench.commands.common.reporting import ReportOptions

HELP = "show a run again, or write it as HTML, Markdown or JSON"

EXAMPLES = """\
  edgebench report                             the latest run
  edgebench report --html                      as a page in the run's folder
  edgebench report RUN --md summary.md --fail-above 5%
"""


@dataclass(frozen=True)
class ShowOptions:
    """Which run to show, None for the latest, and how."""

    report: ReportOptions
    run: str | None = None
    runs: Path = Path("runs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = arguments.adder(parser, ShowOptions)
    add("run", nargs="?", metavar="RUN", help="name or folder of a run (default: the latest)")
    add("--runs", type=Path, metavar="DIR", help="folder that runs are stored in")
    reporting.add_arguments(parser)


def options(namespace: argparse.Namespace) -> ShowOptions:
    return arguments.read(ShowOptions, namespace, report=arguments.read(ReportOptions, namespace))


def execute(options: ShowOptions) -> int:
    from edgebench.benchmarks.runs import fleet

    folder = find_run(options.run, options.runs)
    code = reporting.show(fleet.read(folder), folder, options.report)
    # To show is done in any case; a gate that was asked for does not pass what nobody could judge.
    return exits.DONE if options.report.fail_above is None else code
