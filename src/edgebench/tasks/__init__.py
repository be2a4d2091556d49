"""The tasks: what a model's outputs mean. See docs/tasks.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebench.errors import UnknownNameError

if TYPE_CHECKING:
    from edgebench.tasks.task import Task


def get(name: str) -> Task:
    """The task of that name. Raises `UnknownNameError`, which lists those there are."""
    # Tasks need SciPy; the plan, which every command knows of, needs this package's reductions.
    from edgebench.tasks.table import TASKS

    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS)
    return TASKS[name]
