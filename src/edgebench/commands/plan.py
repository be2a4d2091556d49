"""`edgebench plan`: a run folder for a device that something else carries the plan out on."""

from __future__ import annotations

import argparse

from edgebench import arguments, console
from edgebench.commands import request, run
from edgebench.errors import UsageError

HELP = "write a plan for a device farm or CI job to carry out, without touching a device"

PACE_HELP = "what an inference of the slowest model takes there; a typical time unless given"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    run.add_models(parser)
    run.add_profile(parser)
    run.add_setting(parser)
    parser.add_argument("--pace", type=arguments.seconds, metavar="TIME", help=PACE_HELP)


def execute(options: argparse.Namespace) -> int:
    """Write the folder, say what is guessed, and print the command for the device."""
    from edgebench.benchmarks.report import wording
    from edgebench.benchmarks.runs import offline_plan

    options.models = run.named_models(options) or run.MODELS
    names = arguments.devices(options.device)
    if len(names) > 1:
        raise UsageError("a plan is for one device", "write one for each")
    with console.shown_progress() as progress:
        asked = request.of_device(options, names[0], reachable=False)
        request.export_missing(options, progress)
        folder, forecast = offline_plan.plan(asked, options.pace, progress)
    for sentence in wording.forecast(forecast):
        console.say(sentence)
    print(offline_plan.by_hand(folder))
    console.say(f"afterwards, with result.json and outputs/ back: edgebench report {folder}")
    return 0
