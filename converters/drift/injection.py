"""What an error in one layer does to the outputs: the float graph is run with that error added."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from edgebench.converters.onnx.reference import Array, Sample, session
from edgebench.tasks.task import PartOfOutput

_EXACT, _ERROR = "@exact", "@error"

_LEAST_PART = 16
"""Fewer numbers of a part may all be next to zero, and say little."""


class Injected:
    """A graph in which any of some float32 values can be made wrong by so much."""

    def __init__(self, model: onnx.ModelProto, names: Iterable[str]) -> None:
        self._names = list(names)
        self._opened = session(_with_errors(model, set(self._names)))
        self._outputs = [one.name for one in self._opened.get_outputs()]
        self._none = np.zeros((), np.float32)

    def run(self, sample: Sample, errors: Mapping[str, Array]) -> list[Array]:
        """The outputs for a sample, with the errors of the named values."""
        feed = dict(sample)
        feed |= {n + _ERROR: np.asarray(errors.get(n, self._none), np.float32) for n in self._names}
        return list(self._opened.run(self._outputs, feed))


Kinds = Sequence[Sequence[PartOfOutput]]
"""Of each output the kinds of numbers that it holds, empty where they are of one kind."""


def noise(wanted: Sequence[Array], found: Sequence[Array], kinds: Kinds) -> float:
    """The error of the outputs: the mean over them of its sum of squares over the reference's.

    The kinds of numbers in an output count alike, for scores between 0 and 1 may stand beside boxes
    between 0 and 640. Where no kinds are known, in an output of maps or rows (images, parts, ...)
    each part does.
    """
    shares: list[float | None] = []
    for a, b, apart in zip(wanted, found, kinds, strict=True):
        if apart:
            shares.append(_mean([_share(one.of(a), one.of(b), False) for one in apart]))
        else:
            shares.append(_share(a, b, True))
    return _mean(shares) or 0.0


def _mean(shares: Iterable[float | None]) -> float | None:
    """Of those that are known."""
    known = [share for share in shares if share is not None]
    return float(np.mean(known)) if known else None


def _share(wanted: Array, found: Array, by_part: bool) -> float | None:
    """The error of one output or kind; None where the reference is zero."""
    a, b = np.asarray(wanted, np.float64), np.asarray(found, np.float64)
    keep = np.isfinite(a)
    if not np.isfinite(b[keep]).all():
        return math.inf
    signal, error = (
        np.where(keep, a, 0.0) ** 2,
        np.where(keep, b - np.where(keep, a, 0.0), 0.0) ** 2,
    )
    if by_part and a.ndim > 2 and a[0, 0].size >= _LEAST_PART:
        axes = tuple(axis for axis in range(a.ndim) if axis != 1)
        signal, error = signal.sum(axes), error.sum(axes)
    else:
        signal, error = signal.sum(keepdims=True), error.sum(keepdims=True)
    there = signal > 0
    return float((error[there] / signal[there]).mean()) if there.any() else None


def _with_errors(model: onnx.ModelProto, names: set[str]) -> onnx.ModelProto:
    """Each named value becomes the sum of what its node makes and an input of any shape."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    nodes = []
    for node in made.graph.node:
        nodes.append(node)
        for index, name in enumerate(node.output):
            if name in names:
                node.output[index] = name + _EXACT
                nodes.append(helper.make_node("Add", [name + _EXACT, name + _ERROR], [name]))
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    for name in sorted(names):
        # No shape: it is a number where there is no error.
        made.graph.input.append(
            helper.make_tensor_value_info(name + _ERROR, TensorProto.FLOAT, None)
        )
    return made
