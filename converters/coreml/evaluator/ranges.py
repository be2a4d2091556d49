"""The smallest and largest numbers that a program's values take over samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from edgebench.converters.coreml.evaluator.program import Array, Program
from edgebench.converters.precision import DEFAULT, RangeMethod
from edgebench.converters.ranges import Observed
from edgebench.errors import DataError
from edgebench.progress import Progress, silent

_STEP = "ranges"


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, over all elements of a value and all samples."""

    low: float
    high: float

    @property
    def finite(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)


def collect(
    program: Program,
    samples: Sequence[Mapping[str, Array]],
    progress: Progress = silent,
    method: RangeMethod = DEFAULT,
) -> dict[str, Range]:
    """The range of every floating value of the program, its inputs included, by name.

    Samples are what `Program.run` takes. Raises `DataError` where there are none.
    """
    if not samples:
        raise DataError("there are no samples to take ranges from", "give some with --calibration")
    observed: dict[str, Observed] = {}

    def visit(name: str, op_type: str, array: Array) -> None:
        if array.dtype.kind == "f" and array.size:
            # NumPy looks at numbers of float16 one at a time.
            observed.setdefault(name, Observed()).add(torch.from_numpy(array).float().numpy())

    # What overflows becomes infinite, or NaN, and that is what is to be found.
    with np.errstate(all="ignore"):
        for i, _ in enumerate(program.trace_all(samples, visit)):
            progress(_STEP, i, len(samples))
    progress(_STEP, len(samples), len(samples))
    return {name: Range(*one.range(method)) for name, one in observed.items()}


def shared_by_concats(ranges: Mapping[str, Range], program: Program) -> dict[str, Range]:
    """The same range for all that one concat joins, and for what concats have in common.

    A concat of quantised values moves bytes only where its inputs and output share one scale.
    """
    found = dict(ranges)
    for group in _joined(
        {*operation.inputs["values"], operation.outputs[0].name} & ranges.keys()
        for operation in program.operations
        if operation.op_type == "concat"
    ):
        low = min(ranges[name].low for name in group)
        high = max(ranges[name].high for name in group)
        found |= dict.fromkeys(group, Range(low, high))
    return found


def _joined(sets: Iterable[set[str]]) -> list[set[str]]:
    """Sets that have no element in common, from such as may."""
    groups: list[set[str]] = []
    for one in sets:
        near = [group for group in groups if group & one]
        groups = [group for group in groups if not group & one]
        if one:
            groups.append(one.union(*near))
    return groups
