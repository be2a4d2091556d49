"""The four ops that spell hard-swish before opset 14, as the one op it is.

    before:  x -> Add(3) -> Clip(0, 6) -> Mul(x) -> Div(6) -> y
             (the sixth before or after the product, divided by or multiplied with)

    after:   x -> HardSwish -> y

TensorFlow's converter makes HARD_SWISH of this spelling, too, but `spread_hard_swish` looks for the
one op. PP-OCR's text recogniser has 28 of them, and took 2.7 times as long in int8 without this.
"""

from __future__ import annotations

import math

import onnx
from onnx import helper

from edgebench.converters.passes.graph import Graph, replace_nodes, without_dead_nodes


def fold_hard_swish(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite every x relu6(x + 3) / 6 (Howard et al., MobileNetV3, section 5.2)."""
    graph = Graph(model)
    replacements = {}
    for clip in model.graph.node:
        x = _clipped(graph, clip)
        found = _product(graph, clip, x) if x is not None else None
        if x is not None and found is not None:
            # The lowering reads this op at any opset; no ONNX checker sees the graph again.
            made = helper.make_node("HardSwish", [x], [found.output[0]], name=found.name)
            replacements[found.output[0]] = [made]
    return without_dead_nodes(replace_nodes(model, replacements)) if replacements else model


def _clipped(graph: Graph, clip: onnx.NodeProto) -> str | None:
    """The name of x where this node is relu6(x + 3)."""
    if clip.op_type != "Clip" or len(clip.input) != 3:
        return None
    bounds = [_number(graph, name) for name in clip.input[1:]]
    plus = graph.producers.get(clip.input[0])
    if bounds != [0.0, 6.0] or plus is None or plus.op_type != "Add":
        return None
    numbers = [_number(graph, name) for name in plus.input]
    if sorted(one for one in numbers if one is not None) != [3.0]:
        return None
    return str(plus.input[1 - numbers.index(3.0)])


def _product(graph: Graph, clip: onnx.NodeProto, x: str) -> onnx.NodeProto | None:
    """The last of the two nodes that bring in x and a sixth, in any sequence."""
    value, wanted = clip.output[0], {"x", "sixth"}
    node: onnx.NodeProto | None = clip
    while wanted:
        node = graph.only_reader(value)
        if node is None or node.op_type not in ("Mul", "Div") or len(node.input) != 2:
            return None
        other = node.input[1] if node.input[0] == value else node.input[0]
        if node.op_type == "Mul" and other == x:
            met = "x"
        elif _is_sixth(graph, node, value, other):
            met = "sixth"
        else:
            return None
        if met not in wanted:
            return None
        wanted.remove(met)
        value = node.output[0]
    return node


def _is_sixth(graph: Graph, node: onnx.NodeProto, value: str, other: str) -> bool:
    number = _number(graph, other)
    if number is None:
        return False
    if node.op_type == "Div":
        return node.input[0] == value and number == 6.0
    return math.isclose(number, 1 / 6, rel_tol=1e-4)


def _number(graph: Graph, name: str) -> float | None:
    """A constant that is one number."""
    array = graph.constant(name)
    return float(array.item()) if array is not None and array.size == 1 else None
