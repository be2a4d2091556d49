"""The one tree of errors.

Whatever can go wrong for a user is an `EdgeBenchError`: one sentence that says what happened and
one that says what to do next. `edgebench.cli.main` catches it once, prints it and exits.
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable
from pathlib import Path


class EdgeBenchError(Exception):
    """What happened (`message`) and what to do next (`remedy`)."""

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        """How another process hands it over: the subclasses are not made from what they say."""
        return _restored, (type(self), self.message, self.remedy)


def _restored(kind: type[EdgeBenchError], message: str, remedy: str) -> EdgeBenchError:
    error = kind.__new__(kind, message)
    EdgeBenchError.__init__(error, message, remedy)
    return error


def as_known(error: Exception) -> EdgeBenchError:
    """The error itself, or of a fault of ours one with what a report needs: its type and place."""
    if isinstance(error, EdgeBenchError):
        return error
    last = traceback.extract_tb(error.__traceback__)[-1]
    first = (str(error).strip().splitlines() or [""])[0]
    return EdgeBenchError(
        f"edgebench failed: {type(error).__name__}: {first} "
        f"({Path(last.filename).name}, line {last.lineno})",
        "report it, with the model if you can",
    )


class UsageError(EdgeBenchError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that is not in its table. Lists the names that are, nearest first.

    `detail` goes on with the message.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], detail: str = "") -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        remedy = f"did you mean '{near[0]}'? " if near else ""
        super().__init__(
            f"unknown {kind} '{name}'{detail}", f"{remedy}known: {', '.join(names) or 'none'}"
        )


class MissingExtraError(EdgeBenchError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed", f"install it with: pip install 'edgebench[{extra}]'"
        )


class InvalidFileError(EdgeBenchError):
    """A file that is corrupt, foreign, or of a version this edgebench does not read."""


class UnsupportedModelError(EdgeBenchError):
    """A model that cannot be carried to the target: an op, a shape, a dynamic dimension."""


class ParityError(EdgeBenchError):
    """A converted model that does not compute what its source computes."""


class AgreementError(EdgeBenchError):
    """A converted model that agrees less with its source than the user requires."""

    exit_code = 4


class DataError(EdgeBenchError):
    """Calibration, training or evaluation data that is missing, too small or unreadable."""


class DeviceError(EdgeBenchError):
    """A device that cannot be reached, or that failed while it ran a plan."""


class UnwritableError(EdgeBenchError):
    """An output that cannot be written: no permission, a full disk."""
