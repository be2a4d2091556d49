"""The images on which a file errs most.

Of a detector's scores a few images hold most of the error: those of 6 in 70 made half of it for a
YOLOv8 in int8. The layers that err there are those that cost accuracy, and four other images may
show none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from edgebench import tasks
from edgebench.converters.onnx.reference import Array
from edgebench.converters.output_error import KindErrors
from edgebench.converters.parity import aligned
from edgebench.snr import Errors
from edgebench.tasks.task import Assignment


def worst(
    names: Sequence[str],
    task: Assignment | None,
    wanted: Iterable[Sequence[Array]],
    found: Iterable[Sequence[Array]],
    count: int,
) -> list[int]:
    """The places of the `count` images whose outputs `names` are furthest from those wanted.

    An image's error is its sum of squares over the reference's of all images. The kinds of numbers
    in an output count alike, as `task` tells them.
    """
    kinds = tasks.get(task.task).kinds(task) if task else {}
    noise, signal = list[list[float]](), list[list[float]]()
    for one, other in zip(wanted, found, strict=True):
        sums: list[Errors] = []
        for name, a, b in zip(names, one, aligned(task, names, one, other), strict=True):
            by_kind = KindErrors(kinds.get(name, ()))
            by_kind.add(a, b)
            sums += by_kind.errors
        noise.append([each.noise for each in sums])
        signal.append([each.signal for each in sums])
    total = np.sum(signal, axis=0)
    errors = (np.array(noise) / np.where(total, total, 1)).sum(axis=1)
    return sorted(int(place) for place in np.argsort(-errors, kind="stable")[:count])
