"""Which layers of a file are worth their time in float32."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import onnx

from edgebench.converters.drift import layers
from edgebench.converters.drift.document import CauseId, LayerDrift
from edgebench.converters.export.batches import Batch
from edgebench.converters.mending.node_times import node_times
from edgebench.converters.onnx.quantised import MOVING
from edgebench.converters.onnx.reference import Sample
from edgebench.converters.targets import Target
from edgebench.progress import Progress
from edgebench.tasks.task import Assignment

LEAST_TIME_S = 2e-6
"""A node that takes less costs as much: that of quantising what it reads and makes."""

OF_VALUES: frozenset[CauseId] = frozenset(
    {"clipped", "fixed_scale", "shared_scale", "outliers", "mean", "too_coarse"}
)
"""Causes that lie in the numbers that the file has for what a layer makes. As long as a layer in
int8 reads it, it is rounded to them, whatever made it."""


def half(
    batch: Batch,
    target: Target,
    nodes: Collection[str],
    at_least: int,
    samples: Sequence[Sample],
    task: Assignment | None,
    progress: Progress,
) -> list[LayerDrift]:
    """The layers that make half of the error that is left in a file, best value first.

    `nodes` are in float32 already, and `at_least` so many layers are given. A layer's value is what
    it costs the outputs for the time that it takes in float32.
    """
    model = batch.form.graph.model
    found = layers.of_file(batch, target, samples, task, progress).layers
    times = node_times(model, samples[0])
    widened = [
        replace(one, nodes=(*one.nodes, *_readers(model, one.value)))
        if (one.cause is not None and one.cause.id in OF_VALUES) or {*one.nodes} <= {*nodes}
        else one
        for one in found
    ]
    left = [one for one in widened if one.share > 0 and not {*one.nodes} <= {*nodes}]
    total, so_far = sum(one.share for one in left), 0.0
    half: list[LayerDrift] = []
    for one in left:  # Those that cost most come first.
        if so_far >= total / 2 and len(half) >= at_least:
            break
        half.append(one)
        so_far += one.share
    return sorted(half, key=lambda one: -one.share / _time_s(one, times))


def _readers(model: onnx.ModelProto, value: str) -> list[str]:
    """The nodes that compute with a value, and those that only bring it there; by name."""
    found: dict[str, None] = {}
    todo = [value]
    while todo:
        read = todo.pop()
        for node in model.graph.node:
            name = node.name or node.output[0]
            if read in node.input and name not in found:
                found[name] = None
                if node.op_type in MOVING or node.op_type == "Concat":
                    todo += node.output
    return list(found)


def _time_s(layer: LayerDrift, times: Mapping[str, float]) -> float:
    return max(LEAST_TIME_S, sum(times.get(node, 0.0) for node in layer.nodes))
