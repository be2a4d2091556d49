"""The request for a run on a device, and the artifacts that it needs."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import console
from edgebench.commands.common import call_floor
from edgebench.commands.common.measure_options import PRECISIONS, MeasureOptions
from edgebench.commands.common.selection import Selection
from edgebench.errors import UnknownNameError

if TYPE_CHECKING:
    from edgebench.benchmarks.planning.request import RunRequest
    from edgebench.converters.targets import Target
    from edgebench.progress import Progress


def of_device(
    options: MeasureOptions, selection: Selection, device: str, *, reachable: bool = True
) -> RunRequest:
    """The request for one device. A device that is not `reachable` is not connected to.

    Raises `UsageError`.
    """
    from edgebench.benchmarks.planning.request import RunRequest
    from edgebench.deploy.registry import devices

    return RunRequest(
        artifacts=str(options.artifacts),
        device=device,
        models=selection.models,
        formats=selection.formats,
        precisions=selection.precisions,
        baseline=selection.baseline,
        against_itself=selection.baseline in selection.models,
        threshold=options.threshold,
        budget_s=options.budget_s,
        detect=options.detect,
        threads=options.threads,
        cores=_cores(options, device, reachable),
        delegate=options.delegate,
        seed=options.seed,
        out=str(options.runs),
        whole_budget=options.whole_budget,
        images=options.images,
        sustain_s=options.sustain_s,
        floor=str(call_floor.folder()) if options.floor else None,
        profile=options.profile,
        cool_down=devices.cools_down(device),
    )


def _cores(options: MeasureOptions, device: str, reachable: bool) -> tuple[int, ...] | None:
    """The cores that were asked for, or the device's default cores."""
    from edgebench.deploy.registry import devices

    if options.cores is not None:
        return devices.cores_by_name(device, options.cores)
    usual, said = devices.default_cores(device, options.threads, reachable=reachable)
    if said:
        console.say(said)
    return usual


def export_missing(options: MeasureOptions, selection: Selection, progress: Progress) -> None:
    """Export the artifacts that the run needs and that do not exist yet.

    Raises `EdgeBenchError`.
    """
    from edgebench.converters.artifact import find_artifacts
    from edgebench.converters.export.export import export_many
    from edgebench.converters.export.request import ExportRequest
    from edgebench.models import registry

    manifests = [one.manifest for one in find_artifacts(options.artifacts)]
    mixes = {one.precision: one.mix.base for one in manifests if one.mix}
    targets = _available(_targets(options, selection, mixes), selection)
    there = {(one.model, one.format, one.precision) for one in manifests}
    own = {model for model, _, _ in there if not registry.known(model)} | selection.external
    missing = []
    for name in _needed(selection):
        if not registry.known(name) and name not in own:
            raise _unknown(name, {*registry.MODELS, *own}, options.artifacts)
        lacking = tuple(t for t in targets if (name, t.format, t.precision) not in there)
        if name not in own and lacking:
            request = ExportRequest(
                source=name, targets=lacking, out=options.artifacts, command=options.command_line
            )
            missing.append(request)
    if options.floor:
        missing += call_floor.missing(targets, options.command_line)
    if missing:
        export_many(missing, os.cpu_count() or 1, progress)


def _targets(
    options: MeasureOptions, selection: Selection, mixes: Mapping[str, str]
) -> tuple[Target, ...]:
    """All combinations of the formats and precisions.

    A precision that a format does not have is left out for that format. `mixes` has the base of
    each mixed precision among the existing artifacts; baselines are exported in the base. Raises
    `UnknownNameError`.
    """
    from edgebench.converters.targets import ALL, FORMATS, Target

    forms = tuple(FORMATS) if selection.formats is None else selection.formats
    for form in forms:
        if form not in FORMATS:
            raise UnknownNameError("format", form, {*FORMATS, ALL})
    asked = PRECISIONS if options.precisions is None else options.precisions
    asked = tuple(mixes.get(kind, kind) for kind in asked)
    targets = tuple(
        Target(form, kind)
        for form in forms
        for kind in FORMATS[form].precisions
        if ALL in asked or kind in asked
    )
    known = {kind for form in forms for kind in FORMATS[form].precisions} | {ALL, *mixes}
    for kind in asked if options.precisions else ():
        if kind not in known:
            raise UnknownNameError("precision", kind, known)
    return targets


def _available(targets: Sequence[Target], selection: Selection) -> tuple[Target, ...]:
    """The targets to export. With `all` formats, those whose packages are missing are left out."""
    from edgebench.converters.targets import missing

    if selection.formats is not None:
        return tuple(targets)
    lacking = {form: missing(form) for form in dict.fromkeys(t.format for t in targets)}
    for form, error in lacking.items():
        if error:
            console.say(f"{form} is not exported: {error.message}; {error.remedy}")
    return tuple(target for target in targets if not lacking[target.format])


def _unknown(name: str, known: Collection[str], artifacts: Path) -> UnknownNameError:
    """The error for a name of no model; it says if there are no files that could be meant."""
    from edgebench.converters.external import files

    none = (
        "" if files(artifacts) else f", and there is no model file of another tool in {artifacts}"
    )
    return UnknownNameError("model", name, known, none)


def _needed(selection: Selection) -> list[str]:
    """The models of a run and the baselines that they are compared with, each once."""
    from edgebench.models import registry

    if selection.baseline is not None:
        baselines = [selection.baseline]
    else:
        zoo = filter(registry.known, selection.models)
        baselines = [registry.get(name).baseline for name in zoo]
    return list(dict.fromkeys([*baselines, *selection.models]))
