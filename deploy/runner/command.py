"""The runner's command line."""

from __future__ import annotations

import os
import signal
from typing import Any, Sequence  # noqa: UP035

from .child import Child
from .messages import RunnerError, say
from .parent import Run


def stop(number: int, frame: Any) -> None:
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)  # Once is enough; a second must not cut the exit short.
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        say("usage: python runner.py plan.json result.json")
        return 2
    if arguments[0] == "--child":
        Child(arguments[1]).go()
        return 0
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        Run(arguments[0], arguments[1]).go()
    except RunnerError as error:
        say(str(error))
        return 1
    except BrokenPipeError:  # Whoever listened to the progress is gone; what is done is written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 130
    except KeyboardInterrupt:
        return 130
    return 0
