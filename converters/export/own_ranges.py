"""Ranges where a quantised file is all there is: those that follow from it, and those it lacks.

A target's form has values that the file does not name, such as the parts of a hard-swish. What they
reach follows from what they are made of, by the arithmetic of intervals (Moore 1966): never too
little, and sometimes more than they take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx

from edgebench.content import Content
from edgebench.converters import targets
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.passes.graph import Graph
from edgebench.converters.ranges import Range
from edgebench.converters.targets import Target
from edgebench.errors import DataError

# Of their first input they make nothing beyond it.
_WITHIN = {
    *("AveragePool", "DepthToSpace", "Dropout", "Expand", "Flatten", "Gather", "GlobalAveragePool"),
    *("GlobalMaxPool", "Identity", "MaxPool", "ReduceMax", "ReduceMean", "ReduceMin", "Reshape"),
    *("Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze"),
}
_FIXED = {
    **dict.fromkeys(("HardSigmoid", "Sigmoid", "Softmax"), (0.0, 1.0)),
    "Tanh": (-1.0, 1.0),
}
_NAMED = 4


def completed(graph: OnnxGraph) -> OnnxGraph:
    """The graph with the ranges that follow from those it has."""
    found, read = dict(graph.ranges), Graph(graph.model)
    for node in graph.model.graph.node:
        for name in node.output:
            span = found.get(name) or _follows(node, read, found)
            if span is not None:
                found[name] = span
    for node in graph.model.graph.node:
        # What alone reads a value cuts it off at its own range, and so may the value itself.
        (source, *_), (made, *_) = node.input or [""], node.output
        cut = node.op_type in ("Clip", "Relu") and source not in found and made in found
        if cut and read.only_reader(source) is not None:
            found[source] = found[made]
    return replace(graph, ranges=found)


def _follows(node: onnx.NodeProto, graph: Graph, known: Mapping[str, Range]) -> Range | None:
    if node.op_type in _FIXED:
        return _FIXED[node.op_type]
    spans = [_span(name, graph, known) for name in node.input if name]
    first = spans[0] if spans else None
    if node.op_type in _WITHIN:
        return first
    if node.op_type == "Relu" and first is not None:
        return max(first[0], 0.0), max(first[1], 0.0)
    every = [span for span in spans if span is not None]
    if not every or len(every) < len(spans):
        return None
    if node.op_type == "Clip" and len(node.input) == len(every) == 3:
        low, high = every[1][0], every[2][1]
        return min(max(every[0][0], low), high), min(max(every[0][1], low), high)
    if node.op_type == "Concat":
        return min(low for low, _ in every), max(high for _, high in every)
    if node.op_type == "Add" and len(every) == 2:
        return every[0][0] + every[1][0], every[0][1] + every[1][1]
    if node.op_type in ("Mul", "Div") and len(every) == 2:
        factors = every[1]
        if node.op_type == "Div":
            if factors[0] <= 0 <= factors[1]:
                return None
            factors = 1 / factors[1], 1 / factors[0]
        ends = [a * b for a in every[0] for b in factors]
        return min(ends), max(ends)
    return None


def _span(name: str, graph: Graph, known: Mapping[str, Range]) -> Range | None:
    constant = graph.constant(name)
    if constant is not None and constant.size and constant.dtype.kind == "f":
        return float(constant.min()), float(constant.max())
    return known.get(name)


def require_all(target: Target, graph: OnnxGraph, content: Content) -> None:
    """Raise `DataError` where a file holds integers of a range that nobody gave."""
    missing = list(_missing(target, graph, content))
    if missing:
        named = ", ".join(missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if missing[_NAMED:] else ""
        raise DataError(
            f"{graph.name} gives no range for {len(missing)} of the values that {target} "
            f"quantises: {named}{more}",
            "give a folder of images (or of .npz files by input name) with --calibration: the "
            "other values keep the file's ranges",
        )


def _missing(target: Target, graph: OnnxGraph, content: Any) -> Iterator[str]:
    sample = reference.noise(graph.model, 0)
    nodes = {name: node for node in graph.model.graph.node for name in node.output}
    (values,) = targets.backend(target.format).values(graph, content, [sample])
    for name, value in values.items():
        if np.max(value.step) > 0 and name not in graph.ranges:
            node = nodes.get(name)
            yield f"'{name}'" + (f" ({node.op_type})" if node else "")
