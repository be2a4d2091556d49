"""`edgebench run`, the default command: measure models against their baseline on a device."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from edgebench import arguments
from edgebench.commands.common import measure_options, pairing, reporting
from edgebench.commands.common.exits import DONE
from edgebench.commands.common.measure_options import MeasureOptions
from edgebench.commands.common.measuring import measure
from edgebench.commands.common.reporting import ReportOptions

HELP = "measure models against their baseline (the default command)"

EXAMPLES = """\
  edgebench run                                the default models, here
  edgebench --device pixel7 mobilenet_v2_ca    one model on a phone
  edgebench --device pixel7,rpi5 --budget 5m   two devices in parallel
  edgebench --detect 2%                        as long as that takes
  edgebench --artifacts theirs/ --baseline old .tflite files of other tools
  edgebench --device pixel7 --runner benchmark_model,app   what an app adds
  edgebench --device pixel7 --sustain 10m mobilenet_v2_ca   does it throttle
  edgebench --resume                           continue the latest run
"""


@dataclass(frozen=True)
class RunOptions:
    """What to measure, and how to report it."""

    measure: MeasureOptions
    report: ReportOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    measure_options.add_models(parser)
    measure_options.add_files(parser)
    measure_options.add_setting(parser)
    measure_options.add_sustained(parser)
    measure_options.add_runner(parser)
    measure_options.add_runs(parser)
    reporting.add_arguments(parser)


def options(namespace: argparse.Namespace) -> RunOptions:
    return RunOptions(measure_options.read(namespace), arguments.read(ReportOptions, namespace))


def execute(options: RunOptions) -> int:
    if options.measure.runner and len(options.measure.runner) > 1:
        return pairing.execute(options.measure, options.report.json is not None)
    measured = measure(options.measure)
    if measured.interrupted and not measured.found.measured:
        return measured.exit_code(DONE, "run")
    code = reporting.show(measured.found, measured.folder, options.report)
    return measured.exit_code(code, "run")
