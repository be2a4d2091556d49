"""Which nodes of a graph the exceptions of a mixed precision mean."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase

from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.precision import MixedPrecision
from edgebench.errors import UsageError

_LISTED = 5


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
