"""A file that is quantised already, as the float model that it stands for and the ranges it gives.

    x -> QuantizeLinear -> DequantizeLinear -> y     =>   y = x, with the range of its integers
    x -> QuantizeLinear (none below 0) -> ...        =>   y = Relu(x), with that range
    int8 weights -> DequantizeLinear                 =>   float weights

So the ranges that a quantiser chose, or a training with fake quantisation learned, go to every
target, each of which quantises by its own rules. Quantisers leave a ReLU out where the integers cut
off what is negative; it comes back, because a float model needs it. Integers at the borders become
the real numbers that they stand for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgebench.converters.ranges import Range
from edgebench.errors import UnsupportedModelError

_QUANTISE, _DEQUANTISE = "QuantizeLinear", "DequantizeLinear"
_IN_INTEGERS = ("ConvInteger", "MatMulInteger", "DynamicQuantizeLinear", "QLinear", "QGemm")
_NEVER_NEGATIVE = frozenset(
    {"Relu", "Sigmoid", "HardSigmoid", "Softmax", "Abs", "Exp", "Sqrt", "Softplus"}
)
# These make nothing negative of what is not: of their first input, and of all.
_GATHERING = frozenset(
    {
        *("AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMax", "ReduceMean"),
        *("ReduceMin", "ReduceSum", "Resize"),
    }
)
_COMBINING = frozenset({"Add", "Concat", "Div", "Max", "Mul"})
# A range that ends so near at 6 is that of a ReLU6.
_SIX, _NEAR = 6.0, 1e-3

# The opset by which nodes are computed: the first whose types of 16 and 4 bits are all there.
_OPSET = 21
_INTEGERS = (TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16, TensorProto.UINT16)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class InFloat:
    """The float model; ranges by the names of its values; values whose nodes stay in float."""

    model: onnx.ModelProto
    ranges: Mapping[str, Range] = field(default_factory=dict)
    float_values: frozenset[str] = frozenset()


def in_float(path: str, model: onnx.ModelProto) -> InFloat:
    """The float model that a quantised file stands for; a file that is not quantised as it is.

    Raises `UnsupportedModelError` for integer operators, whose float model cannot be told.
    """
    operators = {node.op_type for node in model.graph.node}
    if not operators & {_QUANTISE, _DEQUANTISE}:
        return InFloat(model)
    integer = sorted(one for one in operators if one.startswith(_IN_INTEGERS))
    if integer:
        raise UnsupportedModelError(
            f"{path} computes in integers ({', '.join(integer)}), which only some runtimes have",
            "write the file in QDQ form (QuantizeLinear and DequantizeLinear around float "
            "operators), which is ONNX Runtime's quant_format=QuantFormat.QDQ",
        )
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    return _Stripping(changed).done()


class _Stripping:
    """Takes the quantisation out of a graph, in place."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model, self._graph = model, model.graph
        self._constants: dict[str, Array] = {
            one.name: numpy_helper.to_array(one) for one in self._graph.initializer
        }
        self._integer_weights: set[str] = set()
        self._ranges: dict[str, Range] = {}
        self._same: dict[str, str] = {}  # A value, and the one that takes its place.
        self._made_by: dict[str, onnx.NodeProto] = {}

    def done(self) -> InFloat:
        self._fold_constants()
        self._made_by = {name: node for node in self._graph.node for name in node.output}
        floating = self._not_quantised()
        kept: list[onnx.NodeProto] = []
        for node in self._graph.node:
            node.input[:] = [self._now(name) for name in node.input]
            if node.op_type == _QUANTISE:
                kept += self._without(node)
            elif node.op_type == _DEQUANTISE:
                self._ranges.setdefault(node.input[0], self._span(node))
                self._same[node.output[0]] = node.input[0]
            else:
                kept.append(node)
        self._replace_nodes(kept)
        self._in_real_numbers()
        self._keep_outputs()
        del self._graph.value_info[:]
        return InFloat(self._model, self._ranges, floating)

    def _without(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """Note the range of a QuantizeLinear; what takes its place is nothing, or a ReLU."""
        (source, *_), (made,), span = node.input, node.output, self._span(node)
        relu = self._cut_off(source, made, span)
        if not relu:
            self._same[made] = source
        value = made if relu else source
        low, high = self._ranges.get(value, span)
        self._ranges[value] = min(low, span[0]), max(high, span[1])
        return relu

    def _now(self, name: str) -> str:
        while name in self._same:
            name = self._same[name]
        return name

    def _replace_nodes(self, nodes: Iterable[onnx.NodeProto]) -> None:
        left = list(nodes)
        del self._graph.node[:]
        self._graph.node.extend(left)

    def _fold_constants(self) -> None:
        """Compute what the nodes make of constants, which are weights and biases."""
        left = []
        for node in self._graph.node:
            known = all(name in self._constants for name in node.input if name)
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self._keep(node.output[0], numpy_helper.to_array(node.attribute[0].t))
            elif node.op_type in (_QUANTISE, _DEQUANTISE) and known:
                self._keep(node.output[0], self._computed(node))
                self._integer_weights.update(node.output)
            else:
                left.append(node)
        self._replace_nodes(left)

    def _keep(self, name: str, array: Array) -> None:
        self._constants[name] = array
        self._graph.initializer.append(numpy_helper.from_array(array, name))

    def _computed(self, node: onnx.NodeProto) -> Array:
        """What a node makes of constants, by ONNX's own definition."""
        plain = onnx.NodeProto()
        plain.CopyFrom(node)
        plain.domain = ""  # ONNX Runtime has 16-bit forms of its own, which mean the same.
        run = ReferenceEvaluator(plain, opsets={"": _OPSET})
        (made,) = run.run(None, {name: self._constants[name] for name in plain.input if name})
        return np.asarray(made)

    def _span(self, node: onnx.NodeProto) -> Range:
        """The real numbers that the integers of a node reach. Raises `UnsupportedModelError`."""
        _, scale, zero = (*node.input, "")[:3]
        if not {scale, zero} - {""} <= self._constants.keys():
            raise UnsupportedModelError(
                f"node '{node.name or node.output[0]}' ({node.op_type}) has a scale that is "
                "computed as the model runs",
                "quantise the model with fixed (static) ranges",
            )
        offset = self._constants[zero] if zero else np.zeros((), np.uint8)
        limits = np.iinfo(offset.dtype)
        step, middle = self._constants[scale].astype(np.float64), offset.astype(np.float64)
        low, high = (limits.min - middle) * step, (limits.max - middle) * step
        return float(np.min(low)), float(np.max(high))

    def _cut_off(self, source: str, made: str, span: Range) -> list[onnx.NodeProto]:
        """The ReLU or ReLU6 that the integers stand for, if they do."""
        maker = self._made_by.get(source)
        if span[0] != 0.0 or maker is None or maker.op_type == "Clip":
            return []
        if abs(span[1] - _SIX) <= _NEAR * _SIX:
            bounds = [f"{made}/low", f"{made}/high"]
            for name, bound in zip(bounds, (0.0, _SIX), strict=True):
                self._keep(name, np.array(bound, np.float32))
            return [helper.make_node("Clip", [source, *bounds], [made], f"{made}/relu6")]
        if self._never_negative(source):
            return []
        return [helper.make_node("Relu", [source], [made], f"{made}/relu")]

    def _never_negative(self, value: str) -> bool:
        """Whether a value cannot be less than nothing, for all that is known of what makes it."""
        value = self._now(value)
        if value in self._constants:
            return bool(np.all(self._constants[value] >= 0))
        maker = self._made_by.get(value)
        if maker is None or maker.op_type in (_QUANTISE, _DEQUANTISE, "Clip"):
            # What is quantised is not clipped but to what its integers reach.
            return self._ranges.get(value, (-1.0, 0.0))[0] >= 0
        if maker.op_type in MOVING | _GATHERING:
            return self._never_negative(maker.input[0])
        if maker.op_type in _COMBINING:
            return all(self._never_negative(name) for name in maker.input if name)
        return maker.op_type in _NEVER_NEGATIVE

    def _not_quantised(self) -> frozenset[str]:
        """What the nodes make that neither take nor give quantised values: they stay in float."""
        rounded = {node.input[0] for node in self._graph.node if node.op_type == _QUANTISE}
        on_grid, found = {*self._integer_weights}, set[str]()
        for node in self._graph.node:
            taken = {name for name in node.input if name and name not in self._constants}
            if node.op_type in (_QUANTISE, _DEQUANTISE):
                on_grid.update(node.output)
            elif on_grid & {*node.input}:
                if node.op_type in MOVING:
                    on_grid.update(node.output)
            elif taken and not rounded & {*node.output}:
                found.update(node.output)
        return frozenset(found)

    def _in_real_numbers(self) -> None:
        """Make inputs and outputs that were integers real numbers."""
        ends = {*self._same, *self._same.values(), *self._ranges}
        for port in (*self._graph.input, *self._graph.output):
            kind = port.type.tensor_type
            if port.name in ends and kind.elem_type in _INTEGERS:
                kind.elem_type = TensorProto.FLOAT

    def _keep_outputs(self) -> None:
        """Give the outputs of the graph the names that they had."""
        for port in self._graph.output:
            source = self._now(port.name)
            if source != port.name:
                node = helper.make_node("Identity", [source], [port.name], f"{port.name}/same")
                self._graph.node.append(node)
                if source in self._ranges:
                    self._ranges[port.name] = self._ranges[source]


MOVING = frozenset(
    {
        *("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "MaxPool", "Slice", "Split"),
        *("Identity", "Expand", "Gather", "DepthToSpace", "SpaceToDepth", "Dropout", "Pad"),
    }
)
"""Operators that give no numbers but those that they take (and the zeros of a padding)."""


def left_in(model: onnx.ModelProto, found: InFloat) -> tuple[dict[str, Range], frozenset[str]]:
    """What was found, of a model that was simplified since: ranges, and the nodes kept in float."""
    made = {name: node for node in model.graph.node for name in node.output}
    known = made.keys() | {port.name for port in model.graph.input}
    nodes = (made[name] for name in found.float_values & made.keys())
    return (
        {name: span for name, span in found.ranges.items() if name in known},
        frozenset(node.name or node.output[0] for node in nodes),
    )
