"""The table of Core ML's lowerers, and a node as they see it."""

from __future__ import annotations

from edgebench.converters.coreml.value import Value
from edgebench.converters.lowering import node
from edgebench.converters.lowering.node import CannotLower, Table

Node = node.Node[Value]

_TABLE = Table[Value]()
OPS, lowers = _TABLE.ops, _TABLE.lowers

__all__ = ["OPS", "CannotLower", "Node", "lowers"]
