"""The lines in which a runner reports its changes, applied to the result on this machine.

    {"event": "block", "done": 3, "total": 24}             how far it is
    {"change": {"block": {...}}, "files": {}}
    {"change": {"evaluations": {...}}, "files": {"outputs/a/map.npy": {"sha256": ..., ...}}}

A change is what `edgebench.deploy.runner.result.Result.change` takes; applying one twice changes
nothing. The files that it lists are fetched first, so that a result never names a missing file;
files that are here already are not fetched again. Other output, and lines that are not JSON, are
ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from edgebench.deploy.documents.change_lines import OutputFile
from edgebench.deploy.runner.messages import RunnerError
from edgebench.deploy.runner.result import Result
from edgebench.documents import convert, replacing, sha256
from edgebench.errors import DeviceError, InvalidFileError, UnwritableError
from edgebench.progress import Progress

STEPS = {
    "evaluate": "loading and evaluating artifacts",
    "block": "measuring blocks",
    "profile": "profiling by operation",
    "cooldown": "cooling down",
}

OUTPUT = re.compile(r"outputs/(?!\.\.?/)[^/\\]+/[^/\\]+\.npy")
"""The files that go with changes; nothing a device says may name another place."""

Fetch = Callable[[str, Path, int], None]
"""Copies a file of that many bytes from the result's folder on the device to a path here.

Raises `DeviceLostError` and `DeviceError`.
"""


def step(event: dict[str, Any]) -> str:
    """The words of the progress display for an event of a runner."""
    return STEPS[event["event"]] + str(event.get("detail", ""))


class Changes:
    """Keeps a run folder's result up to date. `quiet` turns progress off."""

    def __init__(self, folder: Path, result: Result, progress: Progress, fetch: Fetch) -> None:
        self.folder = folder
        self.result = result
        self.progress = progress
        self.fetch = fetch
        self.quiet = False

    def apply(self, line: bytes | str) -> dict[str, Any]:
        """Apply one line and return its message; an empty one if the line has none.

        Raises `InvalidFileError` for a change that cannot be applied, `UnwritableError`, and what
        fetching raises; such a change is not applied.
        """
        try:
            message = json.loads(line)
        except ValueError:
            return {}
        if not isinstance(message, dict):
            return {}
        if "change" in message:
            try:
                self._apply(message["change"], message.get("files", {}))
            except (AttributeError, KeyError, TypeError, msgspec.ValidationError) as error:
                raise InvalidFileError(
                    f"a change of the result cannot be applied: {error!r}",
                    "the runner on the device must come from this version of edgebench",
                ) from error
        elif message.get("event") in STEPS and not self.quiet:
            self.progress(step(message), message["done"], message["total"])
        return message

    def _apply(self, change: dict[str, Any], told: dict[str, Any]) -> None:
        files = convert(told, dict[str, OutputFile])
        evaluations = change.get("evaluations", {}).values()
        named = {name for one in evaluations for name in (one.get("outputs") or {}).values()}
        for name in sorted(named | files.keys()):
            if not OUTPUT.fullmatch(name):
                raise KeyError(name)
            if name in files:
                self._fetch(name, files[name])
            elif not (self.folder / name).exists():
                raise KeyError(f"{name} has no hash")
        self.result.change(**change)

    def _fetch(self, name: str, file: OutputFile) -> None:
        """Bring a file here, if it is not here already."""
        target = self.folder / name
        if target.is_file() and sha256(target) == file.sha256:
            return
        with replacing(target) as temporary:
            self.fetch(name, temporary, file.size_bytes)
            if temporary.stat().st_size != file.size_bytes or sha256(temporary) != file.sha256:
                raise DeviceError(
                    f"{name} was damaged on the way from the device, or changed there",
                    f"the results so far are kept in {self.folder}; continue with --resume",
                )


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the runner's errors about the result's copy on this machine into ours."""
    try:
        yield
    except RunnerError as error:
        raise UnwritableError(
            str(error), "free some space, then continue with --resume; all earlier results are kept"
        ) from error
