"""`edgebench noise`: what a device shows when a model is measured against itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import console
from edgebench.commands.common import exits, measure_options
from edgebench.commands.common.measure_options import MeasureOptions
from edgebench.commands.common.measuring import measure

if TYPE_CHECKING:
    from edgebench.benchmarks.results.comparison import Comparison

HELP = "measure a device's noise floor, which later verdicts need"

EXAMPLES = """\
  edgebench noise                              this machine
  edgebench noise --device pixel7 --precisions int8
"""

MODEL = "mobilenet_v2"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [options] [MODEL]"
    help_ = f"model to measure against itself (default: {MODEL})"
    parser.add_argument("itself", nargs="?", metavar="MODEL", help=help_)
    measure_options.add_files(parser)
    measure_options.add_setting(parser, judged=False, profiled=False)
    measure_options.add_runs(parser)


def options(namespace: argparse.Namespace) -> MeasureOptions:
    model = namespace.itself or MODEL
    return measure_options.read(namespace, models=(model,), baseline=model)


def execute(options: MeasureOptions) -> int:
    """Measure, show and keep the floors; without any that can be trusted the exit code says so."""
    measured = measure(options)
    codes = [exits.DONE]
    for member in measured.found.members:
        if member.failure is not None:
            codes.append(exits.FAILED)
        elif member.comparison is not None and not member.comparison.interrupted:
            codes.append(_keep(member.comparison, measured.folder.parent / str(member.run)))
    return measured.exit_code(exits.worst(codes), "noise")


def _keep(comparison: Comparison, folder: Path) -> int:
    """Show and keep the floors of one run, and return the exit code."""
    from edgebench.benchmarks.report import wording
    from edgebench.benchmarks.report.verdicts import verdict
    from edgebench.benchmarks.results import floor_store, run_folder

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
