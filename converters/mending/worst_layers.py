"""Which layers of a file are worth their time in float32."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import onnx

from edgebench.converters.drift import layers
from edgebench.converters.drift.document import LayerDrift
from edgebench.converters.export.batches import Batch
from edgebench.converters.mending.node_times import node_times
from edgebench.converters.onnx.reference import Sample
from edgebench.converters.targets import Target
from edgebench.progress import Progress
from edgebench.tasks.task import Assignment

LEAST_TIME_S = 2e-6
"""A node that takes less costs as much: that of quantising what it reads and makes."""


def half(
    batch: Batch,
    target: Target,
    nodes: Collection[str],
    samples: Sequence[Sample],
    task: Assignment | None,
    progress: Progress,
) -> list[LayerDrift]:
    """The layers that make half of the error that is left in a file, best value first.

    `nodes` are in float32 already. A layer's value is what it costs the outputs for the time that
    it takes in float32.
    """
    model = batch.form.graph.model
    found = layers.of_file(batch, target, samples, task, progress).layers
    times = node_times(model, samples[0])
    # What a free layer makes may still be rounded for those that read it: they are next.
    widened = [
        replace(one, nodes=(*one.nodes, *_readers(model, one.value)))
        if {*one.nodes} <= {*nodes}
        else one
        for one in found
    ]
    left = [one for one in widened if one.share > 0 and not {*one.nodes} <= {*nodes}]
    total, so_far = sum(one.share for one in left), 0.0
    half: list[LayerDrift] = []
    for one in left:  # Those that cost most come first.
        if so_far >= total / 2:
            break
        half.append(one)
        so_far += one.share
    return sorted(half, key=lambda one: -one.share / _time_s(one, times))


def _readers(model: onnx.ModelProto, value: str) -> list[str]:
    """The nodes that read a value, by name."""
    return [node.name or node.output[0] for node in model.graph.node if value in node.input]


def _time_s(layer: LayerDrift, times: Mapping[str, float]) -> float:
    return max(LEAST_TIME_S, sum(times.get(node, 0.0) for node in layer.nodes))
