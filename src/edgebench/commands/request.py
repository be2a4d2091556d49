"""What a command line asks to have measured: the request, and the artifacts that it needs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import console
from edgebench.commands import foreign
from edgebench.errors import UnknownNameError

if TYPE_CHECKING:
    from edgebench.benchmarks.planning.request import RunRequest
    from edgebench.converters.targets import Target
    from edgebench.progress import Progress


def of_device(options: argparse.Namespace, device: str, *, reachable: bool = True) -> RunRequest:
    """What the options ask of one device; one that is not `reachable` is not looked for.

    Raises `UsageError`.

    The options come to name somebody else's files, where the folder holds those.
    """
    from edgebench.benchmarks.planning.request import RunRequest
    from edgebench.converters.targets import ALL
    from edgebench.deploy.registry import devices

    foreign.adopt(options)
    return RunRequest(
        artifacts=str(options.artifacts),
        device=device,
        models=options.models,
        formats=None if ALL in options.formats else options.formats,
        precisions=None if ALL in options.precisions else options.precisions,
        baseline=options.baseline,
        against_itself=options.baseline in options.models,
        threshold=options.threshold,
        budget_s=options.budget,
        detect=options.detect,
        threads=options.threads,
        cores=_cores(options, device, reachable),
        delegate=options.delegate,
        seed=options.seed,
        out=str(options.runs),
        profile=options.profile,
        cool_down=devices.cools_down(device),
    )


def _cores(options: argparse.Namespace, device: str, reachable: bool) -> tuple[int, ...] | None:
    """The cores asked for, or those that the device is measured on unless others are."""
    from edgebench.deploy.registry import devices

    if options.cores is not None:
        return devices.cores_by_name(device, options.cores)
    usual, said = devices.default_cores(device, options.threads, reachable=reachable)
    if said:
        console.say(said)
    return usual


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


def export_missing(options: argparse.Namespace, progress: Progress) -> None:
    """Export what the run needs and is not there; what lies there is measured as it is.

    Raises `EdgeBenchError`.
    """
    from edgebench.converters.artifact import find_artifacts
    from edgebench.converters.export.export import export_many
    from edgebench.converters.export.request import ExportRequest
    from edgebench.models import registry

    adopted = foreign.adopt(options)
    targets = _makeable(options, _targets(options))
    there = {
        (one.manifest.model, one.manifest.format, one.manifest.precision)
        for one in find_artifacts(options.artifacts)
    }
    own = {model for model, _, _ in there if not registry.known(model)} | adopted
    missing = []
    for name in _needed(options):
        if not registry.known(name) and name not in own:
            raise _unknown(name, {*registry.MODELS, *own}, options.artifacts)
        lacking = tuple(t for t in targets if (name, t.format, t.precision) not in there)
        if name not in own and lacking:
            request = ExportRequest(
                source=name, targets=lacking, out=options.artifacts, command=options.command_line
            )
            missing.append(request)
    if missing:
        export_many(missing, os.cpu_count() or 1, progress)


def _unknown(name: str, known: Collection[str], artifacts: Path) -> UnknownNameError:
    """A name that is no model's; where it may have been meant of a file, that there is none."""
    from edgebench.converters.external import files

    error = UnknownNameError("model", name, known)
    if not files(artifacts):
        error.message += f", and there is no model file in {artifacts}"
    return error


def _needed(options: argparse.Namespace) -> list[str]:
    """The models of a run and the baselines that they are compared with, each once."""
    from edgebench.models import registry

    if options.baseline:
        baselines = [options.baseline]
    else:
        zoo = filter(registry.known, options.models)
        baselines = [registry.get(name).baseline for name in zoo]
    return list(dict.fromkeys([*baselines, *options.models]))
