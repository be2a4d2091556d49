"""The table of the tasks. A new one is a class in a file of its own, and a row here."""

from __future__ import annotations

from edgebench.tasks.classification import Classification
from edgebench.tasks.detection import Detection
from edgebench.tasks.numeric import Numeric
from edgebench.tasks.segmentation import Segmentation
from edgebench.tasks.task import Task

TASKS: dict[str, Task] = {
    task.name: task for task in (Classification(), Detection(), Segmentation(), Numeric())
}
