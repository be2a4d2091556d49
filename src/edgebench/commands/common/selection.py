"""Which models a command line means: those of the zoo, edgebench's artifacts, or other files."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgebench import console
from edgebench.commands.common.measure_options import MODELS, PRECISIONS, MeasureOptions
from edgebench.documents import allows
from edgebench.errors import InvalidFileError, UnknownNameError, UsageError

Files = Mapping[str, tuple[str, Path]]
"""Format and path of each file, by the model's name: see `edgebench.converters.external.files`."""

SHOWN = 20
"""How many names a sentence lists."""


@dataclass(frozen=True)
class Selection:
    """What is measured; None stands for all formats or precisions that there are.

    `external` are those of the models and the baseline that are files of other tools.
    """

    models: tuple[str, ...]
    baseline: str | None
    formats: tuple[str, ...] | None
    precisions: tuple[str, ...] | None
    external: frozenset[str]


def select(options: MeasureOptions) -> Selection:
    """Decide what is measured by what was given and by what lies in the artifacts' folder.

    Files of other tools may be named with or without their suffix, by their path within the folder
    or from here. Where no model is named and the folder holds no artifact of edgebench's own, all
    of them are measured; a single one is measured against itself, which shows its latency and the
    noise floor. Their precisions are read off the files, so all are taken unless some are given;
    of a user's own artifacts, those that were exported.
    Raises `UsageError` where the baseline is not known, and `UnknownNameError` where it is not
    there.
    """
    from edgebench.converters import artifact, external
    from edgebench.converters.targets import ALL

    found = external.files(options.artifacts)
    if options.artifacts.is_file() and not found:
        raise UsageError(
            f"{options.artifacts} is not a model file",
            f"model files end in: {', '.join(external.SUFFIXES)}",
        )
    formats = _formats(options)
    files = {name: one for name, one in found.items() if formats is None or one[0] in formats}
    names = _names(files, options.artifacts)
    baseline = None if options.baseline is None else names.get(options.baseline, options.baseline)
    if options.models is not None:
        models = tuple(dict.fromkeys(names.get(one, one) for one in options.models))
    elif found and next(artifact.find_artifacts(options.artifacts), None) is None:
        models = _readable(options, found, files, baseline)
        baseline = _baseline(baseline, models, options.artifacts)
        models = tuple(one for one in models if one != baseline) or models
    else:
        models = MODELS
    used = frozenset(files) & {baseline, *models}
    if used and baseline is None:
        baseline = _baseline(baseline, sorted(used), options.artifacts)
    usual = (ALL,) if used else _usual_precisions(options.artifacts, models, formats)
    precisions = usual if options.precisions is None else options.precisions
    return Selection(models, baseline, formats, None if ALL in precisions else precisions, used)


def _formats(options: MeasureOptions) -> tuple[str, ...] | None:
    """The formats that are asked for, or those that are usual on the devices; None for all."""
    from edgebench.converters.targets import ALL
    from edgebench.deploy.registry import devices

    if options.formats is not None:
        return None if ALL in options.formats else options.formats
    return tuple(dict.fromkeys(map(devices.usual_format, options.devices or ("local",))))


def _usual_precisions(
    folder: Path, models: Collection[str], formats: tuple[str, ...] | None
) -> tuple[str, ...]:
    """What is measured where no precision is named.

    Models of the zoo are exported in all that are usual. Of a user's own those are taken that were
    exported, and the others where none of them was.
    """
    from edgebench.converters import artifact
    from edgebench.converters.targets import ALL, FORMATS
    from edgebench.models import registry

    if any(registry.known(model) for model in models):
        forms = [one for one in formats or FORMATS if one in FORMATS]
        kinds = {kind for form in forms for kind in FORMATS[form].precisions}
        return tuple(one for one in PRECISIONS if one in kinds) or PRECISIONS
    manifests = [one.manifest for one in artifact.find_artifacts(folder)]
    there = {
        one.precision
        for one in manifests
        if one.model in models and (formats is None or one.format in formats)
    }
    return tuple(one for one in PRECISIONS if one in there) or (ALL,)


def _names(files: Files, folder: Path) -> dict[str, str]:
    """The models' names by all that a user may write for them."""
    names = {}
    for name, (_, path) in files.items():
        within = path.relative_to(folder) if folder.is_dir() else Path(path.name)
        names.update({str(one): name for one in (path, path.resolve(), within)})
    return names | {name: name for name in files}


def _readable(
    options: MeasureOptions, found: Files, files: Files, baseline: str | None
) -> tuple[str, ...]:
    """The files that can be measured.

    Raises `UsageError` where none has a format asked for, and `InvalidFileError` where none may be
    read, or not the baseline.
    """
    if not files:
        wanted = _formats(options) or ()
        forms = sorted({form for form, _ in found.values()})
        raise UsageError(
            f"{options.artifacts} holds no {' or '.join(wanted)} files, but "
            f"{len(found)} of {' and '.join(forms)}",
            f"measure them with: --formats {','.join(forms)}",
        )
    readable = tuple(name for name, (_, path) in files.items() if allows(path, os.R_OK))
    closed = sorted(files.keys() - set(readable))
    if closed and (not readable or baseline in closed):
        _, path = files[baseline if baseline in closed else closed[0]]
        raise InvalidFileError(f"cannot read {path}: permission denied", "check its permissions")
    for name in closed:
        console.say(f"{name} is left out: it cannot be read")
    return readable


def _baseline(given: str | None, names: Collection[str], folder: Path) -> str:
    """What files of other tools are compared with, which only the user knows; a single one itself.

    Raises `UsageError` and `UnknownNameError`.
    """
    if given is None and len(names) == 1:
        (given,) = names
    if given is None:
        listed = ", ".join(list(names)[:SHOWN])
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        example = f"--artifacts {shlex.quote(str(folder))} --baseline {shlex.quote(min(names))}"
        raise UsageError(
            f"{folder} holds {len(names)} model files and no baseline is named: {listed}{more}",
            f"name the one to compare with, such as: edgebench {example}",
        )
    if given not in names:
        raise UnknownNameError(f"model file in {folder}", given, names)
    return given
