"""Which pass changed what a graph computes, if one did.

Every pass is exact by its tests. An artifact is proved against the graph before the passes, so one
that is not exact on some graph cannot get through; this finds its name.
"""

from __future__ import annotations

import numpy as np

from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Sample
from edgebench.converters.passes.pipelines import Pipeline, formed

TOLERANCE = 1e-3
"""Of the largest output; float32 sums in another order stay far below."""


def first_wrong_pass(graph: OnnxGraph, pipeline: Pipeline, sample: Sample) -> str | None:
    """The first pass after which the outputs for a sample are others; None where none is."""
    wanted = reference.run(graph.model, [sample])[0]
    for count, each in enumerate(pipeline.passes, 1):
        form = formed(graph, Pipeline(pipeline.passes[:count])).graph
        found = reference.run(form.model, [sample])[0]
        for a, b in zip(wanted, found, strict=True):
            if a.shape != b.shape or not np.allclose(a, b, rtol=0, atol=_bound(a), equal_nan=True):
                return each.__name__
    return None


def _bound(array: reference.Array) -> float:
    return TOLERANCE * float(np.abs(array).max(initial=0.0))
