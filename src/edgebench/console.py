"""What the command line shows: progress and messages on stderr, tables on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.errors import EdgeBenchError, UnwritableError
from edgebench.progress import DETAIL, Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID
    from rich.table import Table


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Draw the progress of stages on stderr: bars on a terminal, a line a step elsewhere."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _step_lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # A descriptor of its own: stderr is closed while other libraries are kept quiet.
    with (
        os.fdopen(os.dup(sys.stderr.fileno()), "w") as stream,
        Bars(*columns, console=Console(file=stream), transient=True) as bars,
    ):
        tasks: dict[str, TaskID] = {}

        def draw(step: str, done: int, total: int) -> None:
            name = step.partition(DETAIL)[0]
            if name not in tasks:
                tasks[name] = bars.add_task(step, total=total or None)
            bars.update(tasks[name], description=step, completed=done, total=total or None)
            if total and done >= total:
                bars.remove_task(tasks.pop(name))

        yield draw


def _step_lines() -> Progress:
    said: set[str] = set()

    def write(step: str, done: int, total: int) -> None:
        name = step.partition(DETAIL)[0]
        if name not in said:
            said.add(name)
            _write(name)

    return write


def say(text: str) -> None:
    """Talk: a line on stderr."""
    _write(f"edgebench: {text}")


def explain(error: EdgeBenchError, where: str = "") -> None:
    """Say what happened, and on a second line what to do next."""
    say(where + error.message)
    if error.remedy:
        _write(f"  -> {error.remedy}")


def save(path: Path, text: str) -> None:
    """Write a document whole or not at all, and say so. Raises `UnwritableError`.

    What is no file, such as /dev/stdout or a pipe, is written to: nothing may take its place.
    """
    from edgebench.documents import replacing

    if path.exists() and not path.is_file() and not path.is_dir():
        try:
            path.write_text(text)
        except OSError as error:
            raise UnwritableError(
                f"cannot write {path}: {error.strerror}", "free some space or choose another file"
            ) from error
        return
    with replacing(path) as temporary:
        temporary.write_text(text)
    say(f"wrote {path}")


def _write(line: str) -> None:
    """A line on stderr in one piece: `print` writes its end apart, and threads would mix them."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def table(*columns: str) -> Table:
    """A table whose columns are named; a name after `>` is of numbers, set to the right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if right else "left", no_wrap=True)
    return table


def show(table: Table) -> None:
    """Print a table to stdout."""
    results(200).print(table)


def results(width: int) -> Console:
    """Stdout: as wide as the terminal, and of this width where there is none to ask.

    What is printed is no markup: a file may be named `[bold].tflite`.
    """
    from rich.console import Console

    return Console(
        width=None if sys.stdout.isatty() else width, highlight=False, markup=False, emoji=False
    )
