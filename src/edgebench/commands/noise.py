"""`edgebench noise`: what a device shows when a model is measured against itself."""

from __future__ import annotations

import argparse

from edgebench import console
from edgebench.commands import exits, run

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
    from edgebench.benchmarks import floors
    from edgebench.benchmarks import run as runs

    options.models, options.baseline = (options.model,), options.model
    folder, comparison = run.measure(options)
    if comparison is None:
        return exits.INTERRUPTED
    if comparison.interrupted:
        return run.interrupted(folder)
    found = floors.floors_of(comparison, runs.read_result(folder))
    for verdict in comparison.verdicts:
        if verdict.outcome == "no verdict":
            console.say(verdict.sentence)
            for remedy in dict.fromkeys(verdict.remedies):
                console.say(f"  -> {remedy}")
    if not found:
        return exits.NO_VERDICT
    path = floors.keep(comparison.device, found)
    _show(comparison.device)
    console.say(f"kept in {path}")
    return 0


def _show(device: str) -> None:
    """All floors of the device, those that were measured before too."""
    from edgebench.benchmarks import floors
    from edgebench.benchmarks.wording import bounds, signed

    table = console.table("model", "format", "precision", ">against itself", ">floor", "measured")
    for one in floors.read(device).floors:
        low, high = bounds(one.interval), signed(one.reach).lstrip("+")
        table.add_row(one.model, one.format, one.precision, low, high, one.measured)
    console.show(table)
