"""The table of TFLite's lowerers, and a node as they see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgebench.converters.lowering import node
from edgebench.converters.lowering.node import CannotLower, Table
from edgebench.converters.tflite.value import Value

Node = node.Node[Value]
Lowerer = Callable[[Node], Value | Sequence[Value]]

_TABLE = Table[Value]()
OPS, lowers = _TABLE.ops, _TABLE.lowers

__all__ = ["OPS", "CannotLower", "Lowerer", "Node", "lowers"]
