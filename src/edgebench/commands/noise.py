"""`edgebench noise`: what a device shows when a model is measured against itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import console
from edgebench.commands import exits, fleet, run

if TYPE_CHECKING:
    from edgebench.benchmarks.results.comparison import Comparison

HELP = "measure a device's noise floor, which later verdicts there are read against"

MODEL = "mobilenet_v2"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    help_ = "what to measure against itself"
    parser.add_argument("model", nargs="?", default=MODEL, metavar="MODEL", help=help_)
    run.add_setting(parser)
    run.add_resume(parser)
    parser.set_defaults(threshold=0.05, profile=False)


def execute(options: argparse.Namespace) -> int:
    """Measure, show and keep the floors; without any that can be trusted the exit code says so."""
    from edgebench.benchmarks.runs import fleet as fleets

    options.models, options.baseline = (options.model,), options.model
    if fleet.meant(options):
        folder, interrupted = fleet.measure(options)
        found = fleets.read(folder)
        codes = [_keep(one, folder.parent / one.run) for one in found.measured]
        codes += [exits.FAILED for one in found.members if one.failure]
        return exits.worst([*codes, exits.INTERRUPTED if interrupted else exits.DONE])
    folder, comparison = run.measure(options)
    return exits.INTERRUPTED if comparison is None else _keep(comparison, folder)


def _keep(comparison: Comparison, folder: Path) -> int:
    """Show and keep the floors of one run, and return the exit code."""
    from edgebench.benchmarks.report import wording
    from edgebench.benchmarks.report.verdicts import verdict
    from edgebench.benchmarks.results import floor_store, run_folder

    if comparison.interrupted:
        return run.interrupted(folder)
    found = floor_store.floors_of(comparison, run_folder.read_result(folder))
    for row in (row for group in comparison.groups for row in group.rows if row.verdict):
        if row.verdict and row.verdict.outcome == "no verdict":
            console.say(verdict(row, comparison.threshold))
            for remedy in dict.fromkeys(map(wording.remedy, row.verdict.reasons)):
                console.say(f"  -> {remedy}")
    if not found:
        return exits.NO_VERDICT
    path = floor_store.keep(comparison.device, found)
    _show(comparison.device)
    console.say(f"kept in {path}")
    return exits.DONE


def _show(device: str) -> None:
    """All floors of the device, those that were measured before too."""
    from edgebench.benchmarks.formatting import bounds, signed
    from edgebench.benchmarks.results import floor_store

    table = console.table("model", "format", "precision", ">against itself", ">floor", "measured")
    for one in floor_store.read(device).floors:
        low, high = bounds(one.interval), signed(one.reach).lstrip("+")
        table.add_row(one.model, one.format, one.precision, low, high, one.measured)
    console.show(table)
