"""The adjustments of a mixed precision, made to the graph that a file is converted from.

graph -> equalised: the same function, which the float file has too
      -> rounded -> converted -> corrected -> converted again: the quantised file alone
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from edgebench.content import Content
from edgebench.converters import targets
from edgebench.converters.adjusting.biases import with_corrected_biases
from edgebench.converters.adjusting.equalise import equalised
from edgebench.converters.adjusting.rounding import with_rounded_weights
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Sample
from edgebench.converters.precision import Adjustment, MixedPrecision
from edgebench.converters.rounding import ROUNDINGS
from edgebench.converters.targets import FORMATS, Target
from edgebench.errors import UsageError
from edgebench.models.data.parts import spread

SAMPLES = 16
"""Calibration samples that weights and biases are chosen by."""

_BITS = 8

_ACTIVATIONS = frozenset({"int8", "int8f", "int8r", "w8a8"})
"""Precisions whose activations are rounded: else a channel's size costs nothing."""


def offered(target: Target, own_ranges: bool) -> tuple[Adjustment, ...]:
    """What can make a difference to a precision, in the sequence in which it is done.

    Rounded weights fit eight bits alone, and some tools move biases themselves. Ranges of the
    model's own are those of its channels as they are.
    """
    found: list[Adjustment] = []
    if target.base in _ACTIVATIONS and not own_ranges:
        found.append("equalised")
    rounding = ROUNDINGS[target.base]
    if rounding.weights == _BITS and rounding.per_channel:
        found.append("rounded")
    if not FORMATS[target.format].corrects_biases:
        found.append("corrected")
    return tuple(found)


def wanted(target: Target) -> tuple[Adjustment, ...]:
    """The adjustments of a target's precision."""
    return target.mix.adjustments if target.mix else ()


def same_function(
    graph: OnnxGraph, mix: MixedPrecision | None, samples: Sequence[Sample]
) -> OnnxGraph:
    """The graph with what changes its numbers but not what it computes.

    Raises `UsageError` for a graph that has ranges of its own.
    """
    if mix is None or "equalised" not in mix.adjustments:
        return graph
    if graph.ranges:
        raise UsageError(
            f"{graph.name} has ranges of its own, which equalised channels would no longer fit",
            'leave "equalised" out of the adjustments, or quantise the float model',
        )
    return replace(graph, model=equalised(graph.model, _few(samples)))


def adjusted(
    target: Target,
    graph: OnnxGraph,
    samples: Sequence[Sample],
    convert: Callable[[OnnxGraph], Content],
) -> Content:
    """The content that `convert` makes of the graph with the rest of a target's adjustments."""
    chosen, changed = _few(samples), graph
    if "rounded" in wanted(target):
        model = with_rounded_weights(graph.model, chosen, graph.float_nodes)
        changed = replace(changed, model=model)
    content = convert(changed)
    if "corrected" in wanted(target):
        values = targets.backend(target.format).values(graph, content, chosen)
        model = with_corrected_biases(graph.model, changed.model, chosen, values)
        content = convert(replace(changed, model=model))
    return content


def _few(samples: Sequence[Sample]) -> list[Sample]:
    return [samples[i] for i in spread(len(samples), min(SAMPLES, len(samples)))]
