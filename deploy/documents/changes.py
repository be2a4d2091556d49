"""The lines that a runner tells its changes in, applied to the result here as they come.

    {"event": "block", "done": 3, "total": 24}             how far it is
    {"change": {"block": {...}}, "files": {"outputs/a.npy": "<base64>"}}

A change is what `edgebench.deploy.runner.result.Result.change` takes; applying one twice changes
nothing. What else is printed there, and lines that are no JSON, are left.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgebench.deploy.runner.messages import RunnerError
from edgebench.deploy.runner.result import Result
from edgebench.documents import replacing
from edgebench.errors import InvalidFileError, UnwritableError
from edgebench.progress import Progress

STEPS = {
    "evaluate": "loading and evaluating artifacts",
    "block": "measuring blocks",
    "profile": "profiling by operation",
    "cooldown": "cooling down",
}

OUTPUT = re.compile(r"outputs/[^/\\]+\.npy")
"""The files that come with changes; nothing a device says may name another place."""


def step(event: dict[str, Any]) -> str:
    """What progress calls the step of an event that a runner tells."""
    return STEPS[event["event"]] + str(event.get("detail", ""))


class Changes:
    """Keeps a run folder's result up to date. With `quiet` nobody hears of the progress."""

    def __init__(self, folder: Path, result: Result, progress: Progress) -> None:
        self.folder = folder
        self.result = result
        self.progress = progress
        self.quiet = False

    def apply(self, line: bytes | str) -> dict[str, Any]:
        """Apply one line and return it read, or nothing of what is no message.

        Raises `InvalidFileError` for a change that cannot be applied, and `UnwritableError`.
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
            except (AttributeError, KeyError, TypeError, binascii.Error) as error:
                raise InvalidFileError(
                    f"a change of the result cannot be applied: {error!r}",
                    "the runner on the device must come from this version of edgebench",
                ) from error
        elif message.get("event") in STEPS and not self.quiet:
            self.progress(step(message), message["done"], message["total"])
        return message

    def _apply(self, change: dict[str, Any], files: dict[str, str]) -> None:
        for name, content in files.items():
            if not OUTPUT.fullmatch(name):
                raise KeyError(name)
            with replacing(self.folder / name) as temporary:
                temporary.write_bytes(base64.b64decode(content))
        self.result.change(**change)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the runner's own errors, of the copy of the result here, into ours."""
    try:
        yield
    except RunnerError as error:
        raise UnwritableError(
            str(error), "free some space, then continue with --resume; all earlier results are kept"
        ) from error
