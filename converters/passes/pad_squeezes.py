"""The narrow middle of a squeeze filled up with channels of zero.

    before:  Conv 1x1 (C -> 18) -> [activation] -> Conv 1x1 (18 -> C)

    after:   Conv 1x1 (C -> 24) -> [activation] -> Conv 1x1 (24 -> C)

The six new channels are zero, stay zero in the activation, and are read with weights of zero. ONNX
Runtime's blocked convolutions on x86 take whole vectors of channels only, and the map goes back to
the plain layout around any other.
"""

from __future__ import annotations

import numpy as np
import onnx

from edgebench.converters.passes.graph import Graph, is_pointwise_conv

MULTIPLE = 8
# Activations that leave zero zero.
KEEPS_ZERO = {"Elu", "Gelu", "HardSwish", "LeakyRelu", "Relu", "Tanh"}


def pad_squeezes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Fill up where a 1x1 convolution narrows and nothing but wider 1x1 convolutions read it."""
    graph = Graph(model)
    changed: set[str] = set()
    for node in model.graph.node:
        weight = graph.constant(node.input[1]) if is_pointwise_conv(graph, node) else None
        if weight is None:
            continue
        extra = -weight.shape[0] % MULTIPLE
        found = _readers(graph, node.output[0])
        if not extra or found is None or weight.shape[0] >= weight.shape[1]:
            continue
        values, readers = found
        if all(_outputs(graph, reader) > weight.shape[0] for reader in readers):
            _pad(graph, node, 1, axis=0, extra=extra)
            if len(node.input) > 2:
                _pad(graph, node, 2, axis=0, extra=extra)
            for reader in readers:
                _pad(graph, reader, 1, axis=1, extra=extra)
            changed |= values
    kept = [info for info in model.graph.value_info if info.name not in changed]
    if len(kept) != len(model.graph.value_info):
        del model.graph.value_info[:]  # Inferred anew after the pass.
        model.graph.value_info.extend(kept)
    return model


def _readers(graph: Graph, value: str) -> tuple[set[str], list[onnx.NodeProto]] | None:
    """The 1x1 convolutions that read a value, and the values on the way; None if others do."""
    if value in graph.outputs or not graph.readers[value]:
        return None
    values, found = {value}, []
    for node in graph.readers[value]:
        if list(node.input).count(value) != 1 or node.input[0] != value:
            return None
        if is_pointwise_conv(graph, node):
            found.append(node)
        elif node.op_type in KEEPS_ZERO or _clips_around_zero(graph, node):
            deeper = _readers(graph, node.output[0])
            if deeper is None:
                return None
            values |= deeper[0]
            found += deeper[1]
        else:
            return None
    return values, found


def _clips_around_zero(graph: Graph, node: onnx.NodeProto) -> bool:
    if node.op_type != "Clip" or len(node.input) != 3:
        return False
    low, high = (graph.constant(name) for name in node.input[1:])
    return low is not None and high is not None and float(low) <= 0 <= float(high)


def _outputs(graph: Graph, conv: onnx.NodeProto) -> int:
    return (graph.shape(conv.input[1]) or (0,))[0]


def _pad(graph: Graph, node: onnx.NodeProto, place: int, axis: int, extra: int) -> None:
    """Append zeros to a constant input; convolutions that share it go on sharing."""
    name = f"{node.input[place]}_and_{extra}_zeros_at_{axis}"
    if name not in graph.initializers:
        array = graph.constant(node.input[place])
        if array is None:
            return
        pads = [(0, extra if each == axis else 0) for each in range(array.ndim)]
        name = graph.add_constant(name, np.pad(array, pads))
    node.input[place] = name
