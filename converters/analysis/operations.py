"""What a file's operations compute and move, counted from shapes and types.

A count says why a time is what it is, and nothing else: attention adds two per cent of
multiply-adds, but each of its means and products reads a whole map and some write one. The bytes
are those of the tensors, each counted once; what a cache saves or a kernel reads again is not
known here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx

from edgebench.converters.analysis.attribution import Place, Step, anchors, place
from edgebench.converters.artifact import Operation, OperationKind
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.targets import Target

Shape = tuple[int, ...]
ItemBytes = tuple[float, float] | None

FLOAT_BYTES = 4

KINDS: dict[str, OperationKind] = {
    "Conv": "convolution",
    "Gemm": "linear",
    "MatMul": "linear",
    **dict.fromkeys(("ReduceMean", "ReduceMax", "AveragePool", "MaxPool"), "pooling"),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "ReduceSum"), "pooling"),
    **dict.fromkeys(("Mul", "Div"), "multiply"),
    **dict.fromkeys(("Add", "Sub", "Sum"), "add"),
    **dict.fromkeys(("Clip", "Relu", "Sigmoid", "HardSwish", "HardSigmoid"), "activation"),
    **dict.fromkeys(("Softmax", "Tanh", "Gelu", "Erf"), "activation"),
    **dict.fromkeys(("Transpose", "Concat", "Split", "Slice", "Pad", "Gather"), "move"),
    **dict.fromkeys(("Expand", "Tile", "Cast"), "move"),
}
# These give the same values another shape, and move nothing.
RENAMES = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"})

# Every runtime computes these within the convolution before them.
CLAMPS = frozenset({"Clip", "Relu"})

# Bytes of a weight and of an activation, by format and precision, where they are not ONNX's own.
ITEM_BYTES: dict[tuple[str, str], tuple[float, float]] = {
    ("coreml", "fp16"): (2, 2),
    ("coreml", "int8w"): (1, 2),
    ("coreml", "w8a8"): (1, 1),
    ("coreml", "palettized4"): (0.5, 2),
    ("coreml", "palettized6"): (0.75, 2),
    ("onnx", "fp16"): (2, 2),
    ("onnx", "int8"): (1, 1),
    ("openvino", "fp16"): (2, 4),
    ("openvino", "int8"): (1, 1),
}


@dataclass(frozen=True)
class Tensor:
    shape: Shape
    item_bytes: float
    constant: bool

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return math.ceil(self.elements * self.item_bytes)


@dataclass(frozen=True)
class Node:
    """An operation before it is counted. `madds` is what its own format's rules make of it.

    `moves` is False for one that touches no memory of its own: a change of shape alone, or an
    activation that every runtime computes within the convolution before it.
    """

    step: Step
    type: str
    madds: int
    moves: bool


def count(target: Target, graph: OnnxGraph, content: object) -> tuple[Operation, ...]:
    """The operations of a target's file, or those of the graph where the file cannot be read."""
    if target.format == "tflite" and isinstance(content, bytes):
        from edgebench.converters.analysis import tflite_operations

        return tflite_operations.count(graph, content)
    return _of_graph(graph, ITEM_BYTES.get((target.format, target.precision)))


def _of_graph(graph: OnnxGraph, item_bytes: ItemBytes) -> tuple[Operation, ...]:
    inferred = onnx.shape_inference.infer_shapes(graph.model, data_prop=True).graph
    tensors = _tensors(inferred, item_bytes)
    for node in inferred.node:
        if node.name in graph.float_nodes:  # Quantisation leaves these alone.
            for name in set(node.output) & set(tensors):
                tensors[name] = replace(tensors[name], item_bytes=FLOAT_BYTES)
    nodes: list[Node] = []
    weighted: set[str] = set()
    for node in inferred.node:
        if node.op_type == "Constant" or not all(name in tensors for name in node.output):
            continue
        inputs = tuple(name for name in node.input if name in tensors)
        shapes = [tensors[name].shape for name in inputs] or [()]
        kind = KINDS.get(node.op_type, "move" if node.op_type in RENAMES else "other")
        group = next((a.i for a in node.attribute if a.name == "group"), 1)
        if kind == "convolution" and len(shapes[0]) > 1 and group == shapes[0][1] > 1:
            kind = "depthwise"
        clamps = node.op_type in CLAMPS and node.input[0] in weighted
        moves = not (clamps or node.op_type in RENAMES or _only_renames(node, shapes))
        madds = _madds(node, kind, shapes, tensors[node.output[0]].elements)
        outputs = tuple(name for name in node.output if name)
        step = Step(";".join(filter(None, (node.output[0], node.name))), kind, inputs, outputs)
        nodes.append(Node(step, node.op_type, madds, moves))
        if madds:
            weighted.update(outputs)
    side = max((image.shape[-1] for image in _images(inferred)), default=0)
    return counted(nodes, tensors, anchors(graph.model.graph), side, height_axis=2)


def _images(graph: onnx.GraphProto) -> list[Tensor]:
    weights = {tensor.name for tensor in graph.initializer}
    shapes = [
        tuple(d.dim_value for d in info.type.tensor_type.shape.dim)
        for info in graph.input
        if info.name not in weights
    ]
    return [Tensor(shape, FLOAT_BYTES, False) for shape in shapes if len(shape) == 4]


def _tensors(graph: onnx.GraphProto, item_bytes: ItemBytes) -> dict[str, Tensor]:
    """Every value whose shape is known. Floats take the target's size, if it has another."""
    found = {}
    for info in (*graph.input, *graph.value_info, *graph.output):
        if not info.type.tensor_type.elem_type:  # A sequence, an optional, or unknown.
            continue
        shape = tuple(d.dim_value for d in info.type.tensor_type.shape.dim)
        found[info.name] = Tensor(
            shape, _size(info.type.tensor_type.elem_type, item_bytes, 1), False
        )
    for tensor in graph.initializer:
        size = _size(tensor.data_type, item_bytes, 0)
        found[tensor.name] = Tensor(tuple(tensor.dims), size, True)
    return found


def _size(elem_type: int, item_bytes: ItemBytes, which: int) -> float:
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(elem_type))
    return item_bytes[which] if item_bytes and dtype.kind == "f" else dtype.itemsize


def _only_renames(node: onnx.NodeProto, shapes: Sequence[Shape]) -> bool:
    """Whether a Transpose only moves axes of length one past the others."""
    if node.op_type != "Transpose":
        return False
    backwards = list(reversed(range(len(shapes[0]))))
    order = next((list(a.ints) for a in node.attribute if a.name == "perm"), backwards)
    long = [axis for axis in order if shapes[0] and shapes[0][axis] > 1]
    return bool(long) and long == sorted(long)


def _madds(
    node: onnx.NodeProto, kind: OperationKind, shapes: Sequence[Shape], elements: int
) -> int:
    """Multiply-adds of a convolution or linear layer: outputs times what each is summed over."""
    if kind in ("convolution", "depthwise") and len(shapes) > 1:
        return elements * math.prod(shapes[1][1:])
    if kind == "linear" and shapes[0]:
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        return elements * (shapes[0][0] if transposed else shapes[0][-1])
    return 0


def counted(
    nodes: Sequence[Node],
    tensors: Mapping[str, Tensor],
    weights: Mapping[str, str],
    image_side: int,
    height_axis: int,
) -> tuple[Operation, ...]:
    """Count nodes in their order, and place them in the network."""
    places = place([node.step for node in nodes], weights)
    stages = _stages(nodes, places, tensors, image_side, height_axis)
    return tuple(
        _operation(node, where, stages.get(where.block), tensors)
        for node, where in zip(nodes, places, strict=True)
    )


def _stages(
    nodes: Sequence[Node],
    places: Sequence[Place],
    tensors: Mapping[str, Tensor],
    image_side: int,
    height_axis: int,
) -> dict[int | None, int]:
    """Each block's stage: log2 of the stride of its last convolution to the input."""
    stages: dict[int | None, int] = {}
    for node, where in zip(nodes, places, strict=True):
        shape = tensors[node.step.outputs[0]].shape
        wide = image_side and len(shape) == 4 and shape[height_axis]
        if where.block is not None and not where.attention and node.madds and wide:
            stages[where.block] = round(math.log2(image_side / shape[height_axis]))
    return stages


def _operation(
    node: Node, where: Place, stage: int | None, tensors: Mapping[str, Tensor]
) -> Operation:
    step = node.step
    inputs = [tensors[name] for name in step.inputs]
    outputs = [tensors[name] for name in step.outputs]
    elements = sum(tensor.elements for tensor in outputs)
    if step.kind == "pooling":
        elements = sum(tensor.elements for tensor in inputs if not tensor.constant)
    return Operation(
        name=step.name,
        type=node.type,
        kind=step.kind,
        block=where.block,
        stage=stage,
        attention=where.attention,
        madds=node.madds,
        elementwise=0 if node.madds or step.kind == "move" else elements,
        weight_bytes=sum(t.size_bytes for t in inputs if t.constant) if node.moves else 0,
        read_bytes=sum(t.size_bytes for t in inputs if not t.constant) if node.moves else 0,
        written_bytes=sum(t.size_bytes for t in outputs) if node.moves else 0,
    )
