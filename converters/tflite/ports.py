"""How the inputs and outputs of rank 4 lie in the file: images in NHWC, all others as in ONNX.

    image (1, 3, 224, 224) -> Conv           lies as (1, 224, 224, 3)
    image (1, 224, 224, 3) -> Transpose      lies as it is: it is NHWC already
    mask (1, 1, 1, 64) -> Add to scores      lies as it is: it has no channels

A value is an image where an operator that has channels on axis 1 reads or makes it, itself or by
way of operators that treat all axes alike.
"""

from __future__ import annotations

import onnx

from edgebench.converters.lowering.shapes import static_shapes

# Operators whose first input and first output have channels on axis 1.
WITH_CHANNELS = frozenset(
    {
        *("AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "DepthToSpace"),
        *("GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "GroupNormalization"),
        *("InstanceNormalization", "LRN", "LpPool", "MaxPool", "MeanVarianceNormalization"),
        *("GridSample", "MaxUnpool", "Resize", "RoiAlign", "SpaceToDepth"),
    }
)
# Operators that leave the axes where they are, and do not ask what an axis is.
ALIKE = frozenset(
    {
        *("Abs", "Add", "And", "ArgMax", "ArgMin", "Cast", "Ceil", "Celu", "Clip", "Concat", "Cos"),
        *("Div", "Dropout", "Elu", "Equal", "Erf", "Exp", "Expand", "Floor", "Gelu", "Greater"),
        *("GreaterOrEqual", "HardSigmoid", "HardSwish", "Hardmax", "Identity", "LeakyRelu", "Less"),
        *("LessOrEqual", "Log", "LogSoftmax", "LpNormalization", "Max", "Mean", "Min", "Mish"),
        *("Mod", "Mul", "Neg", "Not", "Or", "PRelu", "Pad", "Pow", "Reciprocal", "ReduceL1"),
        *("ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "Relu"),
        *("Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Slice", "Softmax", "Softplus"),
        *("Softsign", "Split", "Sqrt", "Sub", "Sum", "Swish", "Tanh", "ThresholdedRelu", "Tile"),
        *("Where", "Xor"),
    }
)
# An input of so many channels is a colour picture, whatever reads it.
_COLOURS = 3


def image_ports(model: onnx.ModelProto) -> frozenset[str]:
    """The names of the inputs and outputs that lie in NHWC in the file."""
    shapes = {name: shape for name, (shape, _) in static_shapes(model).items() if len(shape) == 4}
    groups = _Groups()
    weights = {tensor.name for tensor in model.graph.initializer}
    images = {
        info.name
        for info in model.graph.input
        if info.name in shapes and shapes[info.name][1] == _COLOURS < shapes[info.name][3]
    }
    for node in model.graph.node:
        if node.op_type in WITH_CHANNELS:
            images |= {node.input[0], node.output[0]}
        elif node.op_type in ALIKE:
            alike = [name for name in (*node.input, *node.output) if name in shapes]
            groups.join([name for name in alike if name not in weights])
    found = {groups.of(name) for name in images}
    ports = (*model.graph.input, *model.graph.output)
    return frozenset(p.name for p in ports if p.name in shapes and groups.of(p.name) in found)


class _Groups:
    """Names that have been joined, as sets of which each has one name that stands for it."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def of(self, name: str) -> str:
        while name in self._parents:
            name = self._parents[name]
        return name

    def join(self, names: list[str]) -> None:
        for name in names[1:]:
            first, other = self.of(names[0]), self.of(name)
            if first != other:
                self._parents[other] = first
