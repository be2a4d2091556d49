"""Ops whose result is known once shapes are static."""

from __future__ import annotations

import math

import numpy as np

from edgebench.converters.coreml.node import Node, lowers
from edgebench.converters.coreml.value import Value


@lowers("Shape")
def shape(node: Node) -> Value:
    extents = np.asarray(node.value().shape, np.int64)
    start, end = node.attribute("start", 0), node.attribute("end", len(extents))
    return Value(extents[slice(start, end)])


@lowers("Size")
def size(node: Node) -> Value:
    return Value(np.asarray(math.prod(node.value().shape), np.int64))
