"""`--artifacts` with somebody else's model files: which of them the command line means."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path

from edgebench import arguments, console
from edgebench.errors import UnknownNameError, UsageError

Found = Mapping[str, tuple[str, Path]]
"""Format and path of each file, by the model's name: see `edgebench.converters.external.files`."""

SHOWN = 20
"""How many names a sentence lists."""


def adopt(options: argparse.Namespace) -> frozenset[str]:
    """Let the options mean a folder's own names, and return those that are somebody else's files.

    Doing it twice changes nothing more.

    Files may be named with or without their ends, within the folder or from here. Without a
    name all of them are measured, where there are no artifacts of edgebench's own beside them; a
    single one is measured against itself, which shows its latency and the noise floor. Precisions
    are read off the files, so all are taken unless some are asked for. Raises `UsageError` where
    the baseline is not said, and `UnknownNameError` where it is not there.
    """
    from edgebench.commands.run import MODELS, PRECISIONS
    from edgebench.converters import artifact, external
    from edgebench.converters.targets import ALL

    found = external.files(options.artifacts)
    if options.artifacts.is_file() and not found:
        ends = ", ".join(external.SUFFIXES)
        raise UsageError(
            f"{options.artifacts} is no model file", f"these are, by their ends: {ends}"
        )
    asked = {
        name: one
        for name, one in found.items()
        if ALL in options.formats or one[0] in options.formats
    }
    names = _names(asked, options.artifacts)
    options.baseline = names.get(options.baseline, options.baseline)
    if options.models != MODELS:
        options.models = tuple(dict.fromkeys(names.get(one, one) for one in options.models))
    elif found and next(artifact.find_artifacts(options.artifacts), None) is None:
        options.models = _all(options, found, asked)
    else:
        return frozenset(asked) & {options.baseline}
    used = frozenset(asked) & {options.baseline, *options.models}
    if used and options.baseline is None:
        _check_baseline(options, sorted(used))
    if used and options.precisions == arguments.names(PRECISIONS):
        options.precisions = (ALL,)
    return used


def _names(asked: Found, folder: Path) -> dict[str, str]:
    """The models' names by all that a user may write for them."""
    names = {}
    for name, (_, path) in asked.items():
        within = path.relative_to(folder) if folder.is_dir() else Path(path.name)
        names.update({str(one): name for one in (path, path.resolve(), within)})
    return names | {name: name for name in asked}


def _all(options: argparse.Namespace, found: Found, asked: Found) -> tuple[str, ...]:
    """What is measured where nothing is named: all there is, but the baseline. It is said too."""
    if not asked:
        forms = sorted({form for form, _ in found.values()})
        raise UsageError(
            f"{options.artifacts} holds no {' or '.join(options.formats)} files, but "
            f"{len(found)} of {' and '.join(forms)}",
            f"measure them with: --formats {','.join(forms)}",
        )
    readable = [name for name, (_, path) in asked.items() if os.access(path, os.R_OK)]
    for name in sorted(asked.keys() - set(readable)):
        console.say(f"{name} is left out: it cannot be read")
    _check_baseline(options, readable)
    return tuple(one for one in readable if one != options.baseline) or tuple(readable)


def _check_baseline(options: argparse.Namespace, names: Collection[str]) -> None:
    """Nobody but the user knows what somebody else's files are to be compared with."""
    if options.baseline is None and len(names) == 1:
        (options.baseline,) = names
    if options.baseline is None:
        listed = ", ".join(list(names)[:SHOWN])
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        first = shlex.quote(next(iter(names)))
        folder = shlex.quote(str(options.artifacts))
        raise UsageError(
            f"{options.artifacts} holds {len(names)} model files that say no baseline: "
            f"{listed}{more}",
            f"say what they are compared with, such as: edgebench --artifacts {folder} "
            f"--baseline {first}",
        )
    if options.baseline not in names:
        raise UnknownNameError(f"model file in {options.artifacts}", options.baseline, names)
