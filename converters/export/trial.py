"""Which way to choose ranges suits a model and a target: tried on samples that set no range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgebench import tasks
from edgebench.converters.artifact import RangeTrial
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.output_error import FLOOR_DB, KindErrors
from edgebench.converters.parity import aligned
from edgebench.converters.precision import DEFAULT, OWN, RangeMethod
from edgebench.converters.ranges import named
from edgebench.converters.targets import FORMATS, Target
from edgebench.errors import UsageError
from edgebench.tasks.task import Assignment

# Averages of extremes lost 10 dB and more in three formats, and NNCF's quantiles 20 dB (scenes_v2
# with and without attention, an ImageNet classifier). NNCF's histograms were within 0.1 dB of
# extremes or below, and take it 7 to 10 s. Its default, an average too, lost 10 dB on the scenes,
# but no file is to be worse than the vendor's tool makes it by itself: on an x86 without VNNI the
# classifier kept 12.3 dB of it and 7.7 of extremes.
TRIED: Mapping[str, tuple[RangeMethod, ...]] = {
    "tflite": (DEFAULT, "percentile", "error"),
    "onnx": (DEFAULT, "percentile", "error"),
    "openvino": (DEFAULT, "average"),
    "coreml": (DEFAULT, "percentile", "error"),
}

NARROW = ("int8", "int8f", "int8r", "w8a8")
"""Precisions in which the choice matters: with 16 bits there are steps enough for extremes."""


_EQUAL_DB = 200.0
"""What stands for no error: documents hold no infinity."""


@dataclass(frozen=True)
class ChosenRanges:
    """The method that did best, and all that were tried, the best first."""

    method: RangeMethod
    tried: tuple[RangeTrial, ...] = ()


def methods(
    target: Target, graph: OnnxGraph, asked: RangeMethod | None, tuning: Sequence[Sample]
) -> Sequence[RangeMethod]:
    """What to try for a target: what the user asked for alone, or without samples the default.

    A model that has ranges of its own keeps them. Raises `UsageError` where they are asked for and
    it has none.
    """
    if not target.needs_calibration:
        return (DEFAULT,)
    if asked == OWN and not graph.ranges:
        raise UsageError(
            f"{graph.name} has no ranges of its own",
            "leave --ranges out, or give a QDQ file or weights of `edgebench train --qat`",
        )
    if asked is None and graph.ranges:
        return (OWN,)
    if asked is not None:
        return (asked,)
    if not len(tuning) or target.base not in NARROW:
        return (DEFAULT,)
    return TRIED[target.format]


def choose(
    target: Target,
    graph: OnnxGraph,
    files: Mapping[str, Any],
    tried: Sequence[RangeMethod],
    tuning: Sequence[Sample],
    task: Assignment | None,
) -> ChosenRanges:
    """The method whose file is nearest to the graph's outputs on the samples, as `task` has them.

    `files` has the content for each method, by the name that `ranges.named` gives the target's
    precision.
    """
    if len(tried) == 1:
        return ChosenRanges(tried[0])
    expected = list(reference.stream(graph.model, tuning))
    found = [
        RangeTrial(
            one, _snr_db(target, graph, files[named(target.base, one)], tuning, expected, task)
        )
        for one in tried
    ]
    # Of equals the first, which is the default where it is among them.
    found.sort(key=lambda one: -one.snr_db)
    return ChosenRanges(found[0].ranges, tuple(found))


def _snr_db(
    target: Target,
    graph: OnnxGraph,
    content: Any,
    tuning: Sequence[Sample],
    expected: Sequence[Sequence[Array]],
    task: Assignment | None,
) -> float:
    """The SNR of the worst output and kind of numbers, in exact arithmetic where kernels vary."""
    form = FORMATS[target.format]
    outputs = form.load().open_converted(graph, content, form.kernels_vary).run_all(tuning)
    names = [port.name for port in graph.outputs]
    kinds = tasks.get(task.task).kinds(task) if task else {}
    errors = [KindErrors(kinds.get(name, ())) for name in names]
    for wanted, there in zip(expected, outputs, strict=True):
        beside = aligned(task, names, wanted, there)
        for error, a, b in zip(errors, wanted, beside, strict=True):
            error.add(a, b)
    return min(_EQUAL_DB, max(FLOOR_DB, min(error.decibels for error in errors)))
