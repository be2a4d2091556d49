"""ONNX to a MIL program, node by node. Axes stay as ONNX has them.

Every value of the program carries the name of its ONNX value where Core ML allows that name
(`Lowering.names`); what a lowerer computes on the way is named after the node's first output.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgebench.converters.coreml import high_rank
from edgebench.converters.coreml.mil import Function, Program, ct, mb, types
from edgebench.converters.coreml.node import CannotLower, Node
from edgebench.converters.coreml.ops.all_ops import OPS
from edgebench.converters.coreml.value import LARGEST_RANK, Value, kept_type
from edgebench.converters.lowering.folding import fold
from edgebench.converters.lowering.functions import written_out
from edgebench.converters.lowering.names import scopes
from edgebench.converters.lowering.node import attributes
from edgebench.converters.lowering.shapes import static_shapes
from edgebench.converters.onnx.input_shapes import true_inputs
from edgebench.errors import UnsupportedModelError

Shape = tuple[int, ...]

# The names of what a classifier adds.
PROBABILITIES, CLASS = "probabilities", "classLabel"
_TAKEN = (PROBABILITIES, CLASS, f"{CLASS}_probs")
# Between a layer's name and what it needs on the way; no layer's name has two underscores.
_WITHIN = "__"


@dataclass(frozen=True)
class Port:
    """An input or output: its ONNX name and shape, and its name in the program.

    A scalar of ONNX is a vector of one element at the program's border.
    """

    name: str
    key: str
    shape: Shape


@dataclass(frozen=True)
class Lowering:
    """A MIL program, its ports, and the names of ONNX's values in it."""

    program: Any
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    names: Mapping[str, str]


def lower(model: onnx.ModelProto, ios: int, probabilities: bool = False) -> Lowering:
    """Lower a checked, static-shaped ONNX model to the ops of an iOS version.

    With `probabilities` the program has a further output of that name: the softmax of the first,
    or the first itself where a Softmax makes it. Raises `UnsupportedModelError`, which names all
    the nodes that cannot be carried.
    """
    return _Builder(model, ios).build(probabilities)


def value_names(model: onnx.ModelProto) -> dict[str, str]:
    """The name in the program of every input, of all that the nodes make, and of every output."""
    given = [info.name for info in true_inputs(model)]
    made = [name for node in model.graph.node for name in node.output if name]
    # An output may be a weight that no node makes.
    results = [info.name for info in model.graph.output]
    return scopes(dict.fromkeys([*given, *made, *results]), _TAKEN)


def layer_of(operation: str) -> str:
    """The name of the layer that an operation of the program belongs to: a node's first output."""
    return operation.split(_WITHIN)[0].split("_cast_fp16")[0]


class _Builder:
    """Runs the lowerers inside one MIL function."""

    def __init__(self, model: onnx.ModelProto, ios: int) -> None:
        self._model = written_out(model, OPS)
        self._target = getattr(ct.target, f"iOS{ios}")
        self._opsets = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
        self._shapes = static_shapes(self._model)
        inner = (name for node in self._model.graph.node for name in node.output if name)
        self.names = scopes(dict.fromkeys([*value_names(model), *inner]), _TAKEN)
        self._named: set[str] = set()

    def build(self, probabilities: bool) -> Lowering:
        # The builder numbers what has no name by a counter of the process: begin anew, so that
        # the same model always gives the same program.
        mb.name_count = defaultdict(int)
        graph = self._model.graph
        ports = tuple(self._port(info) for info in true_inputs(self._model))
        holders = {port.key: _placeholder(port, self._dtype(port.name)) for port in ports}
        values = {w.name: Value(numpy_helper.to_array(w)) for w in graph.initializer}
        with Function(holders, opset_version=self._target) as function:
            for port in ports:
                value = Value(function.inputs[port.key])
                if not port.shape:
                    value = Value(mb.squeeze(x=value.data, axes=[0]))
                values[port.name] = value
            self._lower_nodes(values, function)
            outputs = tuple(self._port(info) for info in graph.output)
            results = [self._result(values[port.name], port) for port in outputs]
            if probabilities:
                softmaxed = self._maker(outputs[0].name) == "Softmax"
                op = mb.identity if softmaxed else mb.softmax
                results.append(op(x=results[0], name=PROBABILITIES))
            function.set_outputs(results)
        program = Program()
        program.add_function("main", function)
        return Lowering(program, ports, outputs, self.names)

    def _maker(self, name: str) -> str:
        return next((n.op_type for n in self._model.graph.node if name in n.output), "")

    def _port(self, info: onnx.ValueInfoProto) -> Port:
        tensor = info.type.tensor_type
        if any(not dim.HasField("dim_value") for dim in tensor.shape.dim):
            raise UnsupportedModelError(
                f"the shape of '{info.name}' is not fixed", "fix it with --input-shape"
            )
        shape = tuple(dim.dim_value for dim in tensor.shape.dim)
        if len(shape) > LARGEST_RANK:
            raise UnsupportedModelError(
                f"'{info.name}' has rank {len(shape)}, and Core ML takes up to {LARGEST_RANK}",
                "reshape it outside the model, or export to another format",
            )
        return Port(info.name, self.names[info.name], shape)

    def _dtype(self, name: str) -> np.dtype[Any]:
        info = next(info for info in true_inputs(self._model) if info.name == name)
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type))
        try:
            return kept_type(dtype)
        except CannotLower as reason:
            raise UnsupportedModelError(
                f"'{name}' is of type {dtype}: {reason}", "export the model in float32"
            ) from reason

    def _lower_nodes(self, values: dict[str, Value], function: Any) -> None:
        reasons: list[str] = []
        for proto in self._model.graph.node:
            last = next(iter(reversed(function.operations)), None)
            try:
                results = self._lowered(proto, values)
            except CannotLower as reason:
                reasons.append(f"{proto.name or proto.output[0]} ({self._op(proto)}): {reason}")
                results = self._stand_ins(proto)
            for name, value in zip(proto.output, results, strict=False):
                if name:
                    values[name] = value
                    self._name(value, name)
            self._name_rest(function, last, self.names[proto.output[0]])
            if any(name and name not in values for name in proto.output):
                break  # without a shape to stand in, what follows cannot be looked at
        if reasons:
            raise UnsupportedModelError(
                f"{len(reasons)} node(s) cannot be carried to Core ML: " + "; ".join(reasons),
                "replace them in the model, or export it to another format",
            )

    def _name(self, value: Value, name: str) -> None:
        """Call a variable by its ONNX name, unless it has the name of an earlier one already."""
        if value.is_constant or value.data.op is None or value.data.name in self._named:
            return
        value.data.name = self.names[name]
        self._named.add(self.names[name])

    def _name_rest(self, function: Any, last: Any, scope: str) -> None:
        """Call what a node needed on the way `scope__op_type`, and number repetitions."""
        count: dict[str, int] = defaultdict(int)
        new = []
        for op in reversed(function.operations):
            if op is last:
                break
            if op.outputs is not None:  # the builder leaves what it refused among the others
                new.append(op)
        for op in reversed(new):
            if op.outputs[0].name in self._named:
                op.name = scope
                continue
            count[op.op_type] += 1
            number = f"_{count[op.op_type]}" if count[op.op_type] > 1 else ""
            op.name = f"{scope}{_WITHIN}{op.op_type}{number}"
            for i, output in enumerate(op.outputs):
                if output.name not in self._named:
                    output.name = op.name if len(op.outputs) == 1 else f"{op.name}_{i}"

    def _op(self, proto: onnx.NodeProto) -> str:
        domain = proto.domain or "ai.onnx"
        return f"{domain}::{proto.op_type}, opset {self._opsets.get(domain, '?')}"

    def _lowered(self, proto: onnx.NodeProto, values: Mapping[str, Value]) -> list[Value]:
        operands = tuple(values[name] if name else None for name in proto.input)
        opset = self._opsets.get("ai.onnx", onnx.defs.onnx_opset_version())
        if proto.op_type.startswith("Random"):
            raise CannotLower("what it computes is random")
        if all(value is None or value.is_constant for value in operands):
            known = [None if value is None else value.array for value in operands]
            return [Value(array) for array in fold(proto, known, opset)]
        lowerer = OPS.get(proto.op_type) if proto.domain in ("", "ai.onnx") else None
        if lowerer is None:
            raise CannotLower("there is no lowering for this op")
        outputs = len([name for name in proto.output if name])
        node = Node(proto.op_type, opset, operands, outputs, attributes(proto))
        shapes = [self._shapes[name][0] for name in proto.output if name in self._shapes]
        shapes = shapes or _computed_shapes(node)
        ranks = [*(value.rank for value in operands if value is not None), *map(len, shapes)]
        try:
            if max(ranks) > LARGEST_RANK:
                return high_rank.lowered(node, shapes)
            result = lowerer(node)
        except CannotLower:
            raise
        except Exception as error:  # the builder's failures have no common class
            raise CannotLower(f"Core ML's tools refuse it: {error}") from error
        results = [result] if isinstance(result, Value) else list(result)
        if any(0 in value.shape and not value.is_constant for value in results):
            raise CannotLower("its result has no elements, and Core ML has no such tensor")
        return results

    def _stand_ins(self, proto: onnx.NodeProto) -> list[Value]:
        """Zeros of the right shape for a node that failed, so that the rest is checked too."""
        found = []
        for name in proto.output:
            if name not in self._shapes:
                break
            shape, dtype = self._shapes[name]
            low = shape if len(shape) <= LARGEST_RANK else (math.prod(shape),)
            found.append(Value(mb.const(val=np.zeros(low, kept_type(dtype))), shape))
        return found

    def _result(self, value: Value, port: Port) -> Any:
        """The variable of an output, under its own name."""
        data = mb.const(val=value.mil) if value.is_constant else value.data
        if not port.shape:
            data = mb.expand_dims(x=data, axes=[0])
        elif data.name != port.key:
            data = mb.identity(x=data)
        data.name = data.op.name = port.key
        return data


def _computed_shapes(node: Node) -> list[tuple[int, ...]]:
    """The result's shape where ONNX's inference does not follow it, but its operands are known."""
    x = node.inputs[0]
    if x is None:
        return []
    if node.op_type == "Transpose":
        perm = node.attribute("perm", range(x.rank)[::-1])
        return [tuple(x.shape[int(axis)] for axis in perm)]
    wanted = node.inputs[1] if node.op_type == "Reshape" else None
    if wanted is None or not wanted.is_constant:
        return []
    kept = not node.attribute("allowzero", 0)
    sizes = [x.shape[i] if n == 0 and kept else int(n) for i, n in enumerate(wanted.array)]
    if -1 in sizes:
        sizes[sizes.index(-1)] = math.prod(x.shape) // -math.prod(sizes)
    return [tuple(sizes)]


def _placeholder(port: Port, dtype: np.dtype[Any]) -> Any:
    kind = types.numpy_type_to_builtin_type(dtype.type)
    return mb.placeholder(shape=port.shape or (1,), dtype=kind, name=port.key)
