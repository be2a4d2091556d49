"""HardSwish as an addition, a clip and a multiplication, its sixth folded into what reads it.

    before:  x -> HardSwish -> y -> Split -> Conv(w)
                                          -> Conv(v)

    after:   x -> Add(3) -> Clip(0, 6) -> Mul(x) -> 6y -> Split -> Conv(w / 6)
                                                                -> Conv(v / 6)

TFLite fuses the clip into the addition. Where something other than a convolution or a matrix
product with constant weights reads y (ops that only move data are looked through), x is
multiplied by 1/6 beforehand; done after the product, the converter would see HARD_SWISH again.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from edgebench.converters.passes.graph import Graph, replace_nodes

# Ops that move elements without looking at them: what holds of the input holds of the output.
MOVERS = {"Flatten", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"}
LINEAR = {"Conv", "Gemm", "MatMul"}


def spread_hard_swish(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite every HardSwish (Howard et al., MobileNetV3, section 5.2: x relu6(x + 3) / 6)."""
    found = [node for node in model.graph.node if node.op_type == "HardSwish"]
    if not found:
        return model
    graph = Graph(model)
    three = graph.add_constant("three", np.asarray(3, np.float32))
    zero = graph.add_constant("zero", np.asarray(0, np.float32))
    six = graph.add_constant("six", np.asarray(6, np.float32))
    sixth = graph.add_constant("sixth", np.asarray(1 / 6, np.float32))
    replacements = {}
    for node in found:
        x, y = node.input[0], node.output[0]
        added, clipped, product = (graph.fresh(f"{y}_{part}") for part in ("add", "clip", "times6"))
        nodes = [
            helper.make_node("Add", [x, three], [added]),
            helper.make_node("Clip", [added, zero, six], [clipped]),
        ]
        if _fold(graph, y, product):
            nodes.append(helper.make_node("Mul", [x, clipped], [product], name=node.name))
        else:
            part = graph.fresh(f"{y}_sixth")
            nodes.append(helper.make_node("Mul", [x, sixth], [part]))
            nodes.append(helper.make_node("Mul", [part, clipped], [y], name=node.name))
        replacements[y] = nodes
    return replace_nodes(model, replacements)


def _fold(graph: Graph, y: str, product: str) -> bool:
    """Let all readers of y read 6y and divide their weights by 6. False, and nothing changed,
    where some reader cannot."""
    readers = _linear_readers(graph, y)
    if readers is None:
        return False
    for node in readers:
        weight = graph.constant(node.input[1])
        if weight is not None:
            scaled = (weight.astype(np.float64) / 6).astype(weight.dtype)
            node.input[1] = graph.add_constant(f"{node.input[1]}_sixth", scaled)
    _rename(graph, y, product)
    return True


def _linear_readers(graph: Graph, name: str) -> list[onnx.NodeProto] | None:
    if name in graph.outputs:
        return None
    found: list[onnx.NodeProto] = []
    for node in graph.readers[name]:
        if node.op_type in MOVERS and node.input[0] == name:
            deeper = [_linear_readers(graph, output) for output in node.output]
            if any(readers is None for readers in deeper):
                return None
            found.extend(reader for readers in deeper for reader in readers or [])
        elif node.op_type in LINEAR and list(node.input).count(name) == 1:
            if node.input[0] != name or graph.constant(node.input[1]) is None:
                return None
            found.append(node)
        else:
            return None
    return found


def _rename(graph: Graph, old: str, new: str) -> None:
    """Read `new` for `old`, and name what the movers make of it anew: it is six times as much."""
    for node in graph.readers[old]:
        for i, name in enumerate(node.input):
            if name == old:
                node.input[i] = new
        if node.op_type in MOVERS:
            for i, output in enumerate(node.output):
                node.output[i] = graph.fresh(f"{output}_times6")
                _rename(graph, output, node.output[i])
