"""`edgebench plan`: a run folder for a device that something else carries the plan out on."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from edgebench import arguments, console
from edgebench.commands.common import measure_options, request
from edgebench.commands.common.measure_options import MeasureOptions
from edgebench.commands.common.measuring import LOCAL
from edgebench.commands.common.selection import select
from edgebench.errors import UsageError

HELP = "write a plan that a device farm or CI job carries out"

EXAMPLES = """\
  edgebench plan --device rpi5 --budget 5m mobilenet_v2_ca
  edgebench plan --device rpi5 --pace 80ms     its slowest model takes 80 ms
  edgebench report RUN                         with result.json back in it
"""


@dataclass(frozen=True)
class PlanOptions:
    """What to plan; `pace_s` is what an inference of the slowest model takes, None if unknown."""

    measure: MeasureOptions
    pace_s: float | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    measure_options.add_models(parser)
    measure_options.add_files(parser)
    measure_options.add_setting(parser, "device that the plan is for (default: local)")
    measure_options.add_runs(parser, resumable=False)
    add = arguments.adder(parser, PlanOptions)
    help_ = "time of an inference of the slowest model on that device (default: a typical one)"
    add("--pace", dest="pace_s", type=arguments.seconds, metavar="TIME", help=help_)


def options(namespace: argparse.Namespace) -> PlanOptions:
    return arguments.read(PlanOptions, namespace, measure=measure_options.read(namespace))


def execute(options: PlanOptions) -> int:
    """Write the folder, say what is guessed, and print the command for the device."""
    from edgebench.benchmarks.report import wording
    from edgebench.benchmarks.runs import offline_plan

    asked = options.measure
    name, *others = asked.devices or LOCAL
    if others:
        raise UsageError("a plan is for one device", "write one for each")
    selection = select(asked)
    with console.shown_progress() as progress:
        wanted = request.of_device(asked, selection, name, reachable=False)
        request.export_missing(asked, selection, progress)
        folder, forecast = offline_plan.plan(wanted, options.pace_s, progress)
    for sentence in wording.forecast(forecast):
        console.say(sentence)
    print(offline_plan.by_hand(folder))
    console.say(f"afterwards, with result.json and outputs/ back: edgebench report {folder}")
    return 0
