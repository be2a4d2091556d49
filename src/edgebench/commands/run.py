"""`edgebench run`, the default command: measure models against their baseline on a device."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from edgebench import arguments, console
from edgebench.commands import exits, fleet, report, request
from edgebench.errors import UsageError

if TYPE_CHECKING:
    from edgebench.benchmarks.results.comparison import Comparison

HELP = "measure models against their baseline (the default command)"

MODELS = ("mobilenet_v2_se", "mobilenet_v2_ca", "scenes_v2_se", "scenes_v2_ca")
PRECISIONS = "fp32,fp16,int8"

CORES_HELP = (
    "stay on these cores, such as 4-7, or on a cluster, such as big; a phone or board is measured "
    "on its fastest unless this is said, and on all with: all"
)
DEVICE_HELP = "where to measure, on local unless given; several are measured side by side"
DELEGATE_HELP = "what runs TFLite's graphs; none, gpu and ane are Core ML's compute units too"
ARTIFACTS_HELP = "where artifacts are, or somebody else's model files"

BUDGET_HELP = "time to spend on measuring; without it and --detect 90s"
DETECT_HELP = "overhead to find with 90 %% power, within the budget or else 20 minutes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_models(parser)
    add_profile(parser)
    add_setting(parser)
    add_resume(parser)
    report.add_outputs(parser)


def add_models(parser: argparse.ArgumentParser, otherwise: Sequence[str] = MODELS) -> None:
    """The options that say what to measure; `otherwise` what is measured if nothing is named."""
    add = parser.add_argument
    add("model", nargs="*", metavar="MODEL", help="what to measure; the same as --models")
    help_ = "what to measure" + (f" (default: {','.join(otherwise)})" if otherwise else "")
    add("--models", type=arguments.names, default=(), metavar="A,B", help=help_)
    add("--baseline", metavar="MODEL", help="compare with this instead of each model's own")
    help_ = "overhead that counts as none"
    add("--threshold", type=arguments.fraction, default="5%", metavar="SHARE", help=help_)


def named_models(options: argparse.Namespace) -> tuple[str, ...]:
    """The models that the user names, in either way, each once."""
    return tuple(dict.fromkeys((*options.models, *options.model)))


def add_profile(parser: argparse.ArgumentParser) -> None:
    help_ = "ask the runtime's profiler too, in the end"
    parser.add_argument("--profile", action="store_true", help=help_)


def add_setting(parser: argparse.ArgumentParser) -> None:
    """The options that say where, in what and for how long to measure."""
    from edgebench.deploy.documents.plan import Delegate

    delegates = get_args(Delegate)
    add = parser.add_argument
    add("--device", action="append", metavar="A,B", help=DEVICE_HELP)
    add("--formats", type=arguments.names, default="tflite", metavar="F,G", help="formats, or all")
    add(
        "--precisions",
        type=arguments.names,
        default=PRECISIONS,
        metavar="P,Q",
        help="number types, or all",
    )
    add("--budget", type=arguments.seconds, metavar="TIME", help=BUDGET_HELP)
    add("--detect", type=arguments.fraction, metavar="SHARE", help=DETECT_HELP)
    add("--threads", type=arguments.positive, default=1, metavar="N", help="threads of the runtime")
    add("--cores", type=arguments.cores, metavar="0,1", help=CORES_HELP)
    add("--delegate", choices=delegates, default=delegates[0], help=DELEGATE_HELP)
    add("--seed", type=int, default=0, metavar="N", help="of the order of visits to the models")
    add("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR", help=ARTIFACTS_HELP)
    add("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where runs are kept")


def add_resume(parser: argparse.ArgumentParser) -> None:
    help_ = "go on with this run, or the last"
    parser.add_argument("--resume", nargs="?", const="", metavar="RUN", help=help_)


def execute(options: argparse.Namespace) -> int:
    options.models = named_models(options) or MODELS
    if fleet.meant(options):
        return fleet.execute(options)
    folder, comparison = measure(options)
    if comparison is None:
        return exits.INTERRUPTED
    above = report.show(comparison, folder, options)
    if comparison.interrupted:
        return interrupted(folder)
    return above or (0 if comparison.answered else exits.NO_VERDICT)


def measure(options: argparse.Namespace) -> tuple[Path, Comparison | None]:
    """Measure what the options ask for on one device: the run's folder, and what came out.

    Nothing comes out where the run was interrupted before it had measured anything.
    """
    from edgebench.benchmarks.report import wording
    from edgebench.benchmarks.runs import run as runs
    from edgebench.deploy.registry import devices

    folder = None
    if options.resume is None:
        name, *_ = arguments.devices(options.device)
    else:
        folder, name = _begun(options)
    device = devices.get(name)
    with device.reserved(), console.shown_progress() as progress:
        if folder is None:
            asked = request.of_device(options, name)  # What is wrong is said before exports begin.
            request.export_missing(options, progress)
            folder = runs.prepare(asked, device, progress)
        try:
            forecast = runs.plan_ahead(folder, device, progress)
            for sentence in wording.forecast(forecast) if forecast else ():
                console.say(sentence)
            return folder, runs.carry_out(folder, device, progress, options.command_line)
        except KeyboardInterrupt:
            interrupted(folder)
            return folder, None


def _begun(options: argparse.Namespace) -> tuple[Path, str]:
    """The run that `--resume` means, and its device. Raises `UsageError`."""
    from edgebench.benchmarks.planning.request import RunRequest
    from edgebench.benchmarks.results.run_folder import REQUEST
    from edgebench.documents import load

    asked = arguments.devices(options.device) if options.device else ()
    folder = report.find_run(options.resume, options.runs, *asked)
    device = load(folder / REQUEST, RunRequest).device
    if asked and asked != (device,):
        raise UsageError(f"{folder} is a run of {device}", "leave out --device")
    return folder, device


def interrupted(folder: Path) -> int:
    """Say how to go on, and return the exit code."""
    console.say(f"interrupted; go on with: edgebench run --resume {folder}")
    return exits.INTERRUPTED
