"""The tasks: what a model's outputs mean. See docs/tasks.md."""

from __future__ import annotations

from edgebench.errors import UnknownNameError
from edgebench.tasks.classification import Classification
from edgebench.tasks.detection import Detection
from edgebench.tasks.numeric import Numeric
from edgebench.tasks.segmentation import Segmentation
from edgebench.tasks.task import Task

TASKS: dict[str, Task] = {
    task.name: task for task in (Classification(), Detection(), Segmentation(), Numeric())
}


def get(name: str) -> Task:
    """The task of that name. Raises `UnknownNameError`, which lists those there are."""
    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS)
    return TASKS[name]
