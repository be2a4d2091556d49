"""Ops whose result is known once shapes are static."""

from __future__ import annotations

import math

import numpy as np

from edgebench.converters.tflite.node import Node, lowers
from edgebench.converters.tflite.value import Value


@lowers("Shape")
def shape(node: Node) -> Value:
    extents = np.asarray(node.value().shape, np.int64)
    rank = len(extents)
    start, end = node.attribute("start", 0), node.attribute("end", rank)
    return Value.of(extents[slice(start, end)])


@lowers("Size")
def size(node: Node) -> Value:
    return Value.of(np.asarray(math.prod(node.value().shape), np.int64))
