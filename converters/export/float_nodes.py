"""Which nodes of a graph stay in float: the exceptions of a mixed precision, and what only joins
outputs of different units."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase

import onnx

from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.precision import MixedPrecision
from edgebench.errors import UsageError
from edgebench.tasks import detection_layout
from edgebench.tasks.task import Assignment

_LISTED = 5

_MOVES = frozenset({"Concat", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators that only put values elsewhere."""


def joining(task: Assignment | None, graph: OnnxGraph) -> frozenset[str]:
    """The nodes that join boxes and scores in one output, and compute nothing.

    In 8 bits boxes of 0 to 640 and scores of 0 to 1 on one scale leave of the scores nothing. In
    float the join costs little, and what it joins has scales of its own. This goes by what the task
    says of an output; `passes.boxes_in_float` finds it, and what decodes the boxes, where the graph
    itself shows what is a score.
    """
    if task is None or task.task != detection_layout.NAME:
        return frozenset()
    makers = {name: node for node in graph.model.graph.node for name in node.output}
    todo = [one.output for one in task.outputs if one.role == detection_layout.DETECTIONS]
    found: dict[str, onnx.NodeProto] = {}
    while todo:
        node = makers.get(todo.pop())
        if node is not None and node.op_type in _MOVES and node.output[0] not in found:
            found[node.output[0]] = node
            todo += node.input
    if not any(node.op_type == "Concat" for node in found.values()):
        return frozenset()
    return frozenset(node.name or node.output[0] for node in found.values())


def float_nodes(mix: MixedPrecision, graph: OnnxGraph) -> frozenset[str]:
    """The nodes of a graph that stay in float, as `OnnxGraph.float_nodes` names them.

    Raises `UsageError` where an exception is no node of the graph.
    """
    names = {
        node.name or node.output[0]: (node.name, *node.output) for node in graph.model.graph.node
    }
    kept: set[str] = set()
    for one in mix.exceptions:
        found = {key for key, of in names.items() if any(fnmatchcase(n, one.nodes) for n in of)}
        if not found:
            raise UsageError(
                f"{graph.name} has no node '{one.nodes}', which {mix.name} keeps in float",
                f"its nodes are {_some(one.nodes, names)}",
            )
        kept |= found
    return frozenset(kept)


def _some(wanted: str, names: Iterable[str]) -> str:
    """The nearest names, or else the first."""
    every = list(names)
    shown = difflib.get_close_matches(wanted, every, n=_LISTED, cutoff=0.3) or every[:_LISTED]
    return ", ".join(shown) + (" and others" if len(every) > len(shown) else "")
