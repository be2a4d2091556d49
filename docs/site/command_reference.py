"""The reference of the command line, made from its parser: the page cannot go stale."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import Any

from edgebench.cli import build_parser

PAGE = "docs/cli"


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", _append)
    return {"parallel_read_safe": True}


def _append(app: Any, page: str, source: list[str]) -> None:
    if page == PAGE:
        os.environ["COLUMNS"] = "80"  # What argparse takes as the terminal's width.
        source[0] += "".join(_sections(build_parser(), 2))


def _sections(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    """A heading and the help of each command, and of the commands below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield f"\n{'#' * level} {command.prog}\n\n```text\n{command.format_help()}```\n"
                yield from _sections(command, level + 1)
