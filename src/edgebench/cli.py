"""The command line: parse, execute one command, and catch one type of error.

Results go to stdout and talk goes to stderr. Whatever is heavy is imported inside the command
that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import errno
import os
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

from edgebench import arguments, console
from edgebench.commands import (
    bundle,
    compare,
    devices,
    drift,
    estimate,
    explain,
    export,
    lint,
    models,
    noise,
    plan,
    report,
    run,
    runs,
    search,
    serve,
    train,
    trend,
)
from edgebench.commands.common import command, exits
from edgebench.commands.common.command import Command
from edgebench.errors import EdgeBenchError, UnknownNameError, UnwritableError
from edgebench.version import __version__

COMMANDS: dict[str, Command[Any]] = {
    "run": run,
    "serve": serve,
    "noise": noise,
    "explain": explain,
    "search": search,
    "plan": plan,
    "export": export,
    "drift": drift,
    "lint": lint,
    "estimate": estimate,
    "report": report,
    "runs": runs,
    "compare": compare,
    "trend": trend,
    "models": models,
    "devices": devices,
    "bundle": bundle,
    "train": train,
}

ENDED = (signal.SIGTERM, signal.SIGHUP)
"""How others end a command: by `kill`, a CI job's limit, or closing its terminal."""

EPILOG = """\
examples:
  edgebench --device local                     measure the default models here
  edgebench --device pixel7 mobilenet_v2_ca --precisions int8 --threshold 3%
  edgebench devices check pixel7               check a phone on its cable
  edgebench --artifacts theirs/ --baseline old measure your own model files
  edgebench explain mobilenet_v2_ca            the cost of each attention stage
  edgebench search mobilenet_v2 --budget 5%    the attention that pays off here
  edgebench export my_model.onnx --to tflite:int8 --calibration photos/
  edgebench drift my_model.onnx --to tflite:int8 --data imagefolder:photos/
                                               where and why it loses accuracy
  edgebench report --html                      the latest run as an HTML page
  edgebench compare A B --fail-above 5%        compare two runs, as a CI gate
  edgebench COMMAND --help                     options and more examples

exit codes: 0 done, 1 error, 2 wrong usage, 3 measured but no verdict,
            4 a gate failed (--fail-above, --fail-on), 130 interrupted
"""


def main(words: Sequence[str] | None = None) -> int:
    """Execute one command and return its exit code."""
    if words is None:
        _in_utf8()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # Closed by the caller, who wants to hear nothing.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
        if hasattr(getattr(sys, name), "reconfigure"):  # A file's name may be beyond its encoding.
            getattr(sys, name).reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if words is None else words)
    parser = build_parser()
    if not words:
        parser.print_help()
        return 0
    _end_in_good_order()
    # NumPy's products here are small: its threads would wait for each other, and burn the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        given = argparse.Namespace(command_line=shlex.join(["edgebench", *words]))
        namespace = parser.parse_args(_with_command(words), given)
        chosen = COMMANDS[namespace.command]
        return chosen.execute(chosen.options(namespace))
    except EdgeBenchError as error:
        console.explain(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.say("interrupted")
        return exits.INTERRUPTED
    except BrokenPipeError:
        _leave_stdout()  # The reader (head, less) has left, as it may.
        return 0
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _leave_stdout()
            full = "no space is left where output goes"
            console.explain(UnwritableError(full, "free some space"))
        elif isinstance(error, PermissionError) and error.filename is not None:
            closed = f"{os.fsdecode(error.filename)}: {error.strerror}"
            console.explain(UnwritableError(closed, "check its permissions"))
        else:
            raise
        return exits.FAILED


def _in_utf8() -> None:
    """Begin again in Python's UTF-8 mode, if names of files are not UTF-8 in this one.

    In the C locale, or with that mode turned off, Python cannot open every file that lies there.
    What is printed keeps its encoding.
    """
    if sys.getfilesystemencoding() == "utf-8" or sys.flags.ignore_environment:
        return
    spoken = sys.stdout.encoding if sys.stdout else "ascii"
    environment = {"PYTHONIOENCODING": spoken, **os.environ, "PYTHONUTF8": "1"}
    os.execve(sys.executable, sys.orig_argv, environment)


def _leave_stdout() -> None:
    """Keep Python from complaining at exit of what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end_in_good_order() -> None:
    """Take what ends a command for a Ctrl-C, so that devices are left as they were."""
    if threading.current_thread() is threading.main_thread():
        for number in ENDED:
            if signal.getsignal(number) is signal.SIG_DFL:  # Else it is ignored, as by `nohup`.
                signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for one in ENDED:
        signal.signal(one, signal.SIG_IGN)  # A terminal that closes says so more than once.
    raise KeyboardInterrupt


def _with_command(words: list[str]) -> list[str]:
    """Put `run` in front of options or models that stand alone. Raises `UnknownNameError`."""
    first = words[0]
    if first in ("-h", "--help", "--version") or first in COMMANDS:
        return words
    if not first.startswith("-"):
        from edgebench.models import registry

        if not registry.known(first):
            if "_" in first:  # As every model has, and no command.
                registry.get(first)  # Raises, and says what names there are.
            raise UnknownNameError("command", first, COMMANDS)
    return ["run", *words]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command; the documentation prints its help."""
    parser = argparse.ArgumentParser(
        prog="edgebench",
        description="Measure what attention in mobile networks costs on a real device.",
        epilog=EPILOG,
        formatter_class=arguments.Help,
    )
    parser.add_argument("--version", action="version", version=f"edgebench {__version__}")
    added = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, one in COMMANDS.items():
        command.add(added, name, one)
    return parser


if __name__ == "__main__":
    sys.exit(main())
