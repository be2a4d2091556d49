"""`edgebench run`, the default command: measure models against their baseline on a device."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import arguments, console
from edgebench.commands import report
from edgebench.errors import UnknownNameError

if TYPE_CHECKING:
    from edgebench.benchmarks.comparison import Comparison
    from edgebench.benchmarks.request import RunRequest
    from edgebench.converters.targets import Target
    from edgebench.progress import Progress

HELP = "measure models against their baseline (the default command)"

NO_VERDICT = 3
INTERRUPTED = 130
MODELS = "mobilenet_v2_se,mobilenet_v2_ca,scenes_v2_se,scenes_v2_ca"

BUDGET_HELP = "time to spend on measuring; without it and --detect 90s"
DETECT_HELP = "overhead to find with 90 %% power, within the budget or else 20 minutes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", nargs="*", metavar="MODEL", help="what to measure; the same as --models")
    add("--models", type=arguments.names, default=MODELS, metavar="A,B", help="what to measure")
    add("--baseline", metavar="MODEL", help="compare with this instead of each model's own")
    add("--threshold", type=arguments.fraction, default="5%", help="overhead that counts as none")
    add("--profile", action="store_true", help="ask the runtime's profiler too, in the end")
    add_setting(parser)
    report.add_outputs(parser)


def add_setting(parser: argparse.ArgumentParser) -> None:
    """The options that say where, in what and for how long to measure."""
    add = parser.add_argument
    add("--device", default="local", metavar="NAME", help="where to measure")
    add("--formats", type=arguments.names, default="tflite", metavar="F,G", help="formats, or all")
    add(
        "--precisions",
        type=arguments.names,
        default="fp32,fp16,int8",
        metavar="P,Q",
        help="number types, or all",
    )
    add("--budget", type=arguments.seconds, metavar="TIME", help=BUDGET_HELP)
    add("--detect", type=arguments.fraction, metavar="SHARE", help=DETECT_HELP)
    add("--threads", type=arguments.positive, default=1, metavar="N", help="of the runtime")
    add("--cores", type=arguments.cores, metavar="0,1", help="stay on these cores")
    add("--seed", type=int, default=0, help="of the order in which models are visited")
    add("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR", help="artifacts")
    add("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where runs are kept")
    add("--resume", nargs="?", const="", metavar="RUN", help="go on with this run, or the last")


def execute(options: argparse.Namespace) -> int:
    options.models = tuple(options.model) or options.models
    folder, comparison = measure(options)
    if comparison is None:
        return INTERRUPTED
    above = report.show(comparison, folder, options)
    if comparison.interrupted:
        return interrupted(folder)
    return above or (0 if comparison.answered else NO_VERDICT)


def measure(options: argparse.Namespace) -> tuple[Path, Comparison | None]:
    """Measure what the options ask for: the run's folder, and what came out.

    Nothing comes out where the run was interrupted before it had measured anything.
    """
    from edgebench.benchmarks import run as runs
    from edgebench.deploy import devices

    device = devices.get(options.device)
    with device.held(), console.shown_progress() as progress:
        if options.resume is None:
            _export_missing(options, _makeable(options, _targets(options)), progress)
            folder = runs.prepare(_request(options), device, progress)
        else:
            folder = report.run_folder(options.resume, options.runs, device.name)
        try:
            forecast = runs.plan_ahead(folder, device, progress)
            console.say(forecast.sentence)
            for warning in forecast.warnings:
                console.say(warning)
            return folder, runs.carry_out(folder, device, progress, options.command_line)
        except KeyboardInterrupt:
            interrupted(folder)
            return folder, None


def interrupted(folder: Path) -> int:
    """Say how to go on, and return the exit code."""
    console.say(f"interrupted; go on with: edgebench run --resume {folder}")
    return INTERRUPTED


def _request(options: argparse.Namespace) -> RunRequest:
    from edgebench.benchmarks.request import RunRequest
    from edgebench.converters.targets import ALL

    return RunRequest(
        artifacts=str(options.artifacts),
        device=options.device,
        models=options.models,
        formats=None if ALL in options.formats else options.formats,
        precisions=None if ALL in options.precisions else options.precisions,
        baseline=options.baseline,
        against_itself=options.baseline in options.models,
        threshold=options.threshold,
        budget_s=options.budget,
        detect=options.detect,
        threads=options.threads,
        cores=options.cores,
        seed=options.seed,
        out=str(options.runs),
        profile=options.profile,
    )


def _targets(options: argparse.Namespace) -> tuple[Target, ...]:
    """What the formats and precisions asked for make together.

    A precision that one of the formats does not have is left out for that format.
    """
    from edgebench.converters.targets import ALL, FORMATS, Target, parse

    forms = tuple(FORMATS) if ALL in options.formats else options.formats
    targets = tuple(
        Target(form, kind)
        for form in forms
        for kind in FORMATS[parse(form).format].precisions
        if ALL in options.precisions or kind in options.precisions
    )
    known = {kind for form in forms for kind in FORMATS[form].precisions} | {ALL}
    for kind in options.precisions:
        if kind not in known:
            raise UnknownNameError("precision", kind, known)
    return targets


def _makeable(options: argparse.Namespace, targets: Sequence[Target]) -> tuple[Target, ...]:
    """The targets to export; a format that only `all` asks for may lack its packages."""
    from edgebench.converters.targets import ALL, missing

    if ALL not in options.formats:
        return tuple(targets)
    lacking = {form: missing(form) for form in dict.fromkeys(t.format for t in targets)}
    for form, error in lacking.items():
        if error:
            console.say(f"{form} is not exported: {error.message}; {error.remedy}")
    return tuple(target for target in targets if not lacking[target.format])


def _export_missing(
    options: argparse.Namespace, targets: Sequence[Target], progress: Progress
) -> None:
    """Export what the run needs and is not there; what lies there is measured as it is."""
    from edgebench.converters.artifact import find_artifacts
    from edgebench.converters.export import export_many
    from edgebench.converters.request import ExportRequest
    from edgebench.models import registry

    there = {
        (one.manifest.model, one.manifest.format, one.manifest.precision)
        for one in find_artifacts(options.artifacts)
    }
    own = {model for model, _, _ in there if not registry.known(model)}
    missing = []
    for name in _needed(options):
        if not registry.known(name) and name not in own:
            raise UnknownNameError("model", name, {*registry.MODELS, *own})
        lacking = tuple(t for t in targets if (name, t.format, t.precision) not in there)
        if name not in own and lacking:
            request = ExportRequest(
                source=name, targets=lacking, out=options.artifacts, command=options.command_line
            )
            missing.append(request)
    if missing:
        export_many(missing, os.cpu_count() or 1, progress)


def _needed(options: argparse.Namespace) -> list[str]:
    """The models of a run and the baselines that they are compared with, each once."""
    from edgebench.models import registry

    if options.baseline:
        baselines = [options.baseline]
    else:
        zoo = filter(registry.known, options.models)
        baselines = [registry.get(name).baseline for name in zoo]
    return list(dict.fromkeys([*baselines, *options.models]))
