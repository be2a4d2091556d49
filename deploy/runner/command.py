"""The runner's command line."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import zipfile
from typing import Any, Sequence  # noqa: UP035

from .child import Child
from .messages import Reporter, RunnerError, say
from .remote import Host, RemoteReporter
from .scheduler import Scheduler
from .worker import fresh_process

USAGE = "usage: python runner.pyz plan.json result.json [--remote]"


def stop(number: int, frame: Any) -> None:
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)  # Once is enough; a second must not cut the exit short.
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    if len(arguments) == 2 and arguments[0] == "--child":
        Child(arguments[1]).run()
        return 0
    if len(arguments) != 2 and list(arguments[2:]) != ["--remote"]:
        say(USAGE)
        return 2
    plan, result = arguments[:2]
    reporter = Reporter()
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    if len(arguments) > 2:
        reporter = RemoteReporter(os.path.dirname(os.path.abspath(result)), Host())
    try:
        # From a folder, so that Python compiles the sources once and not in each fresh process.
        with tempfile.TemporaryDirectory() as unpacked:
            with zipfile.ZipFile(sys.argv[0]) as runner:
                runner.extractall(unpacked)
            child = [sys.executable, unpacked, "--child", plan]
            Scheduler(plan, result, fresh_process(child), reporter).run()
    except RunnerError as error:
        say(str(error))
        return 1
    except BrokenPipeError:  # Whoever listened to the progress is gone; what is done is written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 130
    except KeyboardInterrupt:
        return 130
    return 0
