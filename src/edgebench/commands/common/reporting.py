"""A run on the terminal and as documents, of one device or several, and what it comes to."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import arguments, console
from edgebench.commands.common import exits, gate

if TYPE_CHECKING:
    from rich.console import Console

    from edgebench.benchmarks.report.junit import Suite
    from edgebench.benchmarks.results.pictures import Gallery
    from edgebench.benchmarks.runs.fleet import FleetComparison, MemberComparison

STDOUT = "-"
RUN_FOLDER = "+"


@dataclass(frozen=True)
class ReportOptions:
    """Where reports go: a path, `STDOUT` or `RUN_FOLDER` for each document, None for none.

    With `force` they show what a run would have said that cannot be trusted.
    """

    json: str | None = None
    md: str | None = None
    html: str | None = None
    force: bool = False
    fail_above: float | None = None
    junit: Path | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("report")
    add = arguments.adder(group, ReportOptions)
    for kind, name, const, default in (
        ("json", "JSON", STDOUT, "stdout"),
        ("md", "Markdown", STDOUT, "stdout"),
        ("html", "HTML", RUN_FOLDER, "report.html in the run's folder"),
    ):
        help_ = f"write the report as {name} to PATH (default: {default})"
        add(f"--{kind}", nargs="?", const=const, metavar="PATH", help=help_)
    help_ = "show verdicts even if a trust check failed (marked)"
    add("--force", action="store_true", help=help_)
    gate.add_arguments(add)


@dataclass(frozen=True)
class _Report:
    """A report in every form."""

    documents: Mapping[str, Callable[[], str]]
    render: Callable[[Console], None]
    suites: Sequence[Suite]


def show(found: FleetComparison, folder: Path, options: ReportOptions) -> int:
    """Print the report, unless a document goes to stdout, and write the documents asked for.

    Returns the exit code: that of the gate where an overhead is above it, else that of the worst
    device. Raises `InvalidFileError` for a run of which nothing was measured.
    """
    from edgebench.benchmarks.report import junit
    from edgebench.benchmarks.runs.fleet import is_fleet

    report = (_of_fleet if is_fleet(folder) else _of_run)(found, folder, options)
    asked = {"json": options.json, "md": options.md, "html": options.html}
    if STDOUT not in asked.values():
        report.render(console.results(100))
    for kind, where in asked.items():
        if where == STDOUT:
            sys.stdout.write(report.documents[kind]())
        elif where is not None:
            path = folder / f"report.{kind}" if where == RUN_FOLDER else Path(where)
            console.save(path, report.documents[kind]())
    if options.junit is not None:
        console.save(options.junit, junit.render(report.suites))
    above = options.fail_above is not None and any(suite.failed for suite in report.suites)
    return exits.worst([*map(code_of, found.members), exits.ABOVE if above else exits.DONE])


def code_of(member: MemberComparison) -> int:
    """The exit code that stands for what one device says."""
    if member.failure is not None:
        return exits.FAILED
    answered = member.comparison is not None and member.comparison.answered
    return exits.DONE if answered else exits.NO_VERDICT


def _of_run(found: FleetComparison, folder: Path, options: ReportOptions) -> _Report:
    from edgebench.benchmarks.report import html, junit, markdown, terminal
    from edgebench.benchmarks.results.run_folder import read_explanation, read_result
    from edgebench.benchmarks.runs import history
    from edgebench.documents import dump

    (member,) = found.members
    comparison = member.comparison or history.of_folder(folder)  # Raises, and says how to go on.
    explanation, force = read_explanation(folder), options.force
    return _Report(
        documents={
            "json": lambda: dump(comparison),
            "md": lambda: markdown.render(comparison, explanation, force),
            "html": lambda: html.render(
                comparison, read_result(folder), explanation, force, _galleries(folder)
            ),
        },
        render=lambda out: terminal.render(comparison, out, explanation, force),
        suites=[junit.of_run(comparison, options.fail_above, force)],
    )


def _galleries(folder: Path) -> Iterator[Gallery]:
    """The images that changed on the device, read now, for only a page shows them."""
    from edgebench.benchmarks.results import pictures, run_folder

    run = run_folder.read_run(folder, run_folder.read_result(folder), "")
    yield from pictures.galleries(folder, run)


def _of_fleet(found: FleetComparison, folder: Path, options: ReportOptions) -> _Report:
    from edgebench.benchmarks.report import fleet as pages
    from edgebench.benchmarks.report import junit
    from edgebench.documents import dump

    return _Report(
        documents={
            "json": lambda: dump(found),
            "md": lambda: pages.markdown(found),
            "html": lambda: pages.html(found),
        },
        render=lambda out: pages.render(found, out),
        suites=junit.of_fleet(found, options.fail_above, options.force),
    )
