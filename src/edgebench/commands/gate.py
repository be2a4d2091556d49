"""What a CI system needs of a command: a limit that fails it, and JUnit XML."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgebench import arguments, console
from edgebench.commands import exits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--fail-above",
        type=arguments.fraction,
        metavar="5%",
        help=f"exit with {exits.ABOVE} where a 95 %% interval lies above this",
    )
    add("--junit", type=Path, metavar="PATH", help="write the verdicts as JUnit XML")


def write(path: Path, text: str) -> None:
    """Write a document whole or not at all, and say so. Raises `UnwritableError`."""
    from edgebench.documents import replacing

    with replacing(path) as temporary:
        temporary.write_text(text)
    console.say(f"wrote {path}")
