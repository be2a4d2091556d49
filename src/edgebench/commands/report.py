"""`edgebench report`: show a finished run again, on the terminal or as a document."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import console
from edgebench.commands import exits, gate
from edgebench.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    from edgebench.benchmarks.results.comparison import Comparison

HELP = "show a run again, or write it as HTML, Markdown or JSON"

STDOUT = "-"
RUN_FOLDER = "+"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", default="", metavar="RUN", help="a run, else the last")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="its folder")
    add_outputs(parser)


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """The options that write a report as a document."""
    for kind, default, where in (
        ("json", STDOUT, "stdout"),
        ("md", STDOUT, "stdout"),
        ("html", RUN_FOLDER, "the run's folder"),
    ):
        help_ = f"write the report as {kind}, to {where} if no path is given"
        parser.add_argument(f"--{kind}", nargs="?", const=default, metavar="PATH", help=help_)
    help_ = "say, marked, what a run that cannot be trusted would have said"
    parser.add_argument("--force", action="store_true", help=help_)
    gate.add_arguments(parser)


def execute(options: argparse.Namespace) -> int:
    from edgebench.benchmarks.runs import fleet as fleets
    from edgebench.benchmarks.runs.history import judged
    from edgebench.commands import fleet

    folder = find_run(options.run, options.runs)
    if fleets.is_fleet(folder):
        found = fleets.read(folder)
        code = exits.worst([fleet.show(found, folder, options), *map(fleet.code_of, found.members)])
    else:
        comparison = judged(folder)
        above = show(comparison, folder, options)
        code = above or (exits.DONE if comparison.answered else exits.NO_VERDICT)
    # To show is done in any case; a gate that was asked for does not pass what nobody could judge.
    return code if options.fail_above else exits.DONE


def find_run(name: str, runs: Path, device: str | None = None) -> Path:
    """The run that a user means by a folder or a name, or the latest.

    The latest of all may be that of several devices; of one device it is that device's own. Raises
    `UnknownNameError`, and `DataError` where there are none.
    """
    from edgebench.benchmarks.results.run_folder import COMPARISON, DRAFT, latest
    from edgebench.benchmarks.runs import fleet
    from edgebench.deploy.documents.staging import PLAN

    if not name:
        newest = latest(runs, device or "*")
        return newest if device else fleet.of_member(newest) or newest
    folder = Path(name) if Path(name).is_dir() else runs / name
    if not folder.is_dir():
        known = [*runs.glob(f"*/{PLAN}"), *runs.glob(f"*/{fleet.FLEET}")]
        raise UnknownNameError(f"run in {runs}", name, (path.parent.name for path in known))
    if not any((folder / name).exists() for name in (DRAFT, COMPARISON, fleet.FLEET)):
        raise DataError(f"{folder} is no run folder: it holds no {DRAFT}", "see: edgebench runs")
    return folder


def show(comparison: Comparison, folder: Path, options: argparse.Namespace) -> int:
    """Print the tables, unless a document goes to stdout, and write the documents asked for.

    Returns the exit code: that of the gate where an overhead is above it, else 0.
    """
    from edgebench.benchmarks.report import html, junit, markdown, terminal
    from edgebench.benchmarks.results.run_folder import read_explanation, read_result
    from edgebench.documents import dump

    explanation = read_explanation(folder)
    writers: dict[str, Callable[[], str]] = {
        "json": lambda: dump(comparison),
        "md": lambda: markdown.render(comparison, explanation, options.force),
        "html": lambda: html.render(comparison, read_result(folder), explanation, options.force),
    }
    asked = {kind: getattr(options, kind) for kind in writers if getattr(options, kind)}
    if STDOUT not in asked.values():
        terminal.render(comparison, console.results(100), explanation, options.force)
    write(asked, writers, folder)
    suite = junit.of_run(comparison, options.fail_above, options.force)
    if options.junit:
        gate.write(options.junit, junit.render([suite]))
    return exits.ABOVE if options.fail_above and suite.failed else exits.DONE


def write(asked: Mapping[str, str], writers: Mapping[str, Callable[[], str]], folder: Path) -> None:
    """Write documents by kind, each to stdout, the run's folder or a path as it was asked for."""
    for kind, where in asked.items():
        if where == STDOUT:
            sys.stdout.write(writers[kind]())
            continue
        path = folder / f"report.{kind}" if where == RUN_FOLDER else Path(where)
        gate.write(path, writers[kind]())
