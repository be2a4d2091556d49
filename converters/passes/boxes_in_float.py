"""Where scores and other numbers end in one output, all after the last layers stays in float.

    int8:   Conv ->                                        Conv ->
    float:          Softmax -> Mul(stride) -> boxes ->             Sigmoid -> scores ->
                                                     Concat -> Transpose -> output

What is concatenated has one scale in int8. Of boxes of 320 pixels its steps are 1.25 apart, and
all scores, which lie between 0 and 1, become 0 or 1: no detector survives that. The steps before
are few numbers a box, and coarse ones there cost whole pixels. Nothing is rewritten, so nothing can
change.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from edgebench.converters.passes.graph import Graph, named

_SHARES = {"Sigmoid", "Softmax", "HardSigmoid"}
_MOVING = {
    *("Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split"),
    *("Squeeze", "Transpose", "Unsqueeze"),
}
_ELEMENTWISE = {
    *("Add", "Clip", "Div", "Exp", "Log", "Max", "Min", "Mul", "Neg", "Pow", "Reciprocal", "Relu"),
    *("Sqrt", "Sub"),
}
_WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul"}


def boxes_in_float(model: onnx.ModelProto) -> frozenset[str]:
    """The names of the nodes between the last layers and an output that holds scores and more."""
    graph = Graph(model)
    found: set[str] = set()
    for node in model.graph.node:
        if node.op_type == "Concat" and _mixes(graph, node):
            after = _to_the_end(graph, node)
            if after is not None:
                found |= {named(one) for one in (*after, *_decoding(graph, node))}
    return frozenset(found)


def _mixes(graph: Graph, concat: onnx.NodeProto) -> bool:
    """Whether numbers between 0 and 1 are joined with others."""
    computed = [name for name in concat.input if graph.constant(name) is None]
    return len({_share(graph, name) for name in computed}) == 2


def _share(graph: Graph, value: str) -> bool:
    """Whether a value is known to lie between 0 and 1."""
    node = graph.producers.get(value)
    if node is None or graph.constant(value) is not None:
        return False
    if node.op_type in _SHARES:
        return True
    if node.op_type == "Mul" or node.op_type == "Concat":
        return all(_share(graph, name) for name in node.input)
    return node.op_type in _MOVING and _share(graph, node.input[0])


def _to_the_end(graph: Graph, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """A node and what moves its numbers to an output; None where anything computes with them."""
    every, todo = {named(node): node}, [node]
    while todo:
        one = todo.pop()
        for name in one.output:
            readers = graph.readers[name]
            if name not in graph.outputs and not readers:
                continue
            for reader in readers:
                if reader.op_type not in _MOVING:
                    return None
                if named(reader) not in every:
                    every[named(reader)] = reader
                    todo.append(reader)
    return list(every.values())


def _decoding(graph: Graph, concat: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """What leads to a node from the last layers: convolutions of one channel only add up."""
    seen, todo = set[str](), list(concat.input)
    while todo:
        node = graph.producers.get(todo.pop())
        if node is None or node.output[0] in seen:
            continue
        seen.add(node.output[0])
        if node.op_type in _SHARES | _MOVING | _ELEMENTWISE or _adds_up(graph, node):
            yield node
            todo += node.input


def _adds_up(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether it is the expected value of a distribution (Li et al. 2020), written with weights."""
    if node.op_type not in _WEIGHTED:
        return False
    maker = graph.producers.get(node.input[0])
    while maker is not None and maker.op_type in _MOVING:
        maker = graph.producers.get(maker.input[0])
    return maker is not None and maker.op_type == "Softmax"
