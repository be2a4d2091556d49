"""What a CI system needs of a command: a limit that fails it, and JUnit XML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgebench import arguments
from edgebench.commands.common import exits


def add_arguments(add: Callable[..., None]) -> None:
    """Add what the fields `fail_above` and `junit` of a command's options are read from.

    `add` is what `edgebench.arguments.adder` gives.
    """
    help_ = f"exit with code {exits.ABOVE} if a 95 %% interval lies above this overhead"
    add("--fail-above", type=arguments.fraction, metavar="PERCENT", help=help_)
    add("--junit", type=Path, metavar="PATH", help="write the verdicts as JUnit XML")
