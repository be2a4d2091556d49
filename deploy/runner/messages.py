"""How the runner speaks: sentences on stderr, events on stdout, one type of error."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Dict  # noqa: UP035

# Unlike an annotation this is evaluated, and Python 3.8 has no dict[str, Any].
Json = Dict[str, Any]  # noqa: UP006


class RunnerError(Exception):
    """One sentence for the person who started the run."""


def event(name: str, done: int, total: int) -> None:
    print(json.dumps({"event": name, "done": done, "total": total}), flush=True)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
