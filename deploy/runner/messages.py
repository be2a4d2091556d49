"""How the runner speaks, and to whom; one type of error."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Dict  # noqa: UP035

# Unlike an annotation this is evaluated, and Python 3.8 has no dict[str, Any].
Json = Dict[str, Any]  # noqa: UP006


class RunnerError(Exception):
    """One sentence for the person who started the run."""


class Reporter:
    """Who hears how a run goes. This one talks: events on stdout, sentences on stderr."""

    def event(self, name: str, done: int, total: int, detail: str = "") -> None:
        """So much of a step is done; `detail` follows the step's name."""
        send({"event": name, "done": done, "total": total, "detail": detail})

    def say(self, text: str) -> None:
        say(text)

    def change(self, parts: Json) -> None:
        """The result has changed, and is written: see `result.Result.change`."""


def send(message: Json) -> None:
    print(json.dumps(message, allow_nan=False), flush=True)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
