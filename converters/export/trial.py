"""Which way to choose ranges suits a model and a target: tried on samples that set no range."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgebench import tasks
from edgebench.converters.artifact import RangeTrial
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.output_error import KindErrors
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


_LOST_DB, _EIGHT_BITS_DB = 0.0, 50.0
"""Within these, more is better: an error as large as the output itself, and what eight bits can
tell of a number (6.02 dB a bit and 1.76). One sample without an error would outweigh all others."""


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
    form, names = FORMATS[target.format].load(), [port.name for port in graph.outputs]
    wanted = list(reference.stream(graph.model, tuning))

    def trial(method: RangeMethod) -> RangeTrial:
        # In exact arithmetic where kernels vary.
        vary = FORMATS[target.format].kernels_vary
        content = files[named(target.base, method)]
        found = form.open_converted(graph, content, vary).run_all(tuning)
        return RangeTrial(method, typical_db(names, task, wanted, found))

    # Of equals the first, which is the default where it is among them.
    found = sorted(map(trial, tried), key=lambda one: -one.snr_db)
    return ChosenRanges(found[0].ranges, tuple(found))


def typical_db(
    names: Sequence[str],
    task: Assignment | None,
    wanted: Iterable[Sequence[Array]],
    found: Iterable[Sequence[Array]],
) -> float:
    """The mean of the samples' own SNRs in dB, of the worst of the outputs `names` and of the kinds
    of numbers in them, as `task` tells them.

    Of the squares of all samples together one or two samples may make half, and then chance
    decides: of a YOLOv8's scores, 16 samples at random chose extremes, which kept 77 % of the boxes
    where percentiles kept 87 %, in 33 % of the draws by the sum and in 15 % by the mean.
    """
    kinds = tasks.get(task.task).kinds(task) if task else {}
    levels = []
    for one, other in zip(wanted, found, strict=True):
        of_sample = list[float]()
        for name, a, b in zip(names, one, aligned(task, names, one, other), strict=True):
            by_kind = KindErrors(kinds.get(name, ()))
            by_kind.add(a, b)
            of_sample += [each.decibels for each in by_kind.errors]
        levels.append(of_sample)
    return float(np.clip(levels, _LOST_DB, _EIGHT_BITS_DB).mean(axis=0).min())
