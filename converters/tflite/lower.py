"""ONNX to a TensorFlow function in NHWC, node by node.

Images are NHWC in the file, all other inputs and outputs lie as ONNX has them
(`edgebench.converters.tflite.ports`). Both keep ONNX's sequence; their names are ONNX's where
TensorFlow allows them (`Port.key` is the name in the file's signature).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgebench.converters.lowering.folding import fold
from edgebench.converters.lowering.functions import written_out
from edgebench.converters.lowering.names import scopes
from edgebench.converters.lowering.node import attributes
from edgebench.converters.lowering.shapes import static_shapes
from edgebench.converters.onnx.input_shapes import true_inputs
from edgebench.converters.tflite import layout
from edgebench.converters.tflite.layout import Order, Shape
from edgebench.converters.tflite.node import CannotLower, Lowerer, Node
from edgebench.converters.tflite.ops.all_ops import OPS
from edgebench.converters.tflite.ports import image_ports
from edgebench.converters.tflite.tensorflow import hushed, tf
from edgebench.converters.tflite.value import DTYPES, Array, Value
from edgebench.errors import UnsupportedModelError

# Types that a file can hold and move, but that its unquantised kernels do not compute with;
# the converter does not refuse them all, it aborts the process on some.
NARROW = (np.int8, np.uint8, np.int16)
MOVERS = (
    *("Cast", "Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split"),
    *("Squeeze", "Tile", "Transpose", "Unsqueeze"),
)


@dataclass(frozen=True)
class Port:
    """An input or output: its ONNX name and shape, its key and shape in the file.

    `axes[i]` is the ONNX axis that axis i of the file's tensor is.
    """

    name: str
    onnx_shape: Shape
    shape: Shape
    axes: Order
    key: str
    dtype: str


@dataclass(frozen=True)
class Trace:
    """How to find an ONNX value in the file.

    The TFLite tensor is named after the TensorFlow op that makes it; `order` is how it lies.
    """

    op: str
    order: Order
    node: str
    op_type: str


@dataclass(frozen=True)
class Names:
    """The ports of a lowered graph, and where each of its values is."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    traces: Mapping[str, Trace]


@dataclass(frozen=True)
class Lowering(Names):
    """A TensorFlow concrete function with the ports and the values it came from."""

    function: Any
    module: Any


def to_target(array: Array, port: Port) -> Array:
    """Move an array from ONNX's order of axes to the file's."""
    return np.array(np.transpose(array, port.axes), order="C")


def from_target(array: Array, port: Port) -> Array:
    """Move an array from the file's order of axes to ONNX's."""
    return np.array(np.transpose(array, np.argsort(port.axes).tolist()), order="C")


def _port(info: onnx.ValueInfoProto, key: str, images: Collection[str]) -> Port:
    if not info.type.HasField("tensor_type"):
        raise UnsupportedModelError(f"'{info.name}' is not a tensor", "export a model of tensors")
    tensor = info.type.tensor_type
    shape = tuple(dim.dim_value for dim in tensor.shape.dim)
    if any(not dim.HasField("dim_value") for dim in tensor.shape.dim):
        raise UnsupportedModelError(
            f"the shape of '{info.name}' is not fixed", "fix it with --input-shape"
        )
    order = layout.boundary(len(shape), info.name in images)
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    if dtype not in DTYPES:
        raise UnsupportedModelError(
            f"'{info.name}' is of type {dtype}, which TFLite does not compute with",
            "export the model in float32",
        )
    return Port(info.name, shape, layout.lie(shape, order), order, key, dtype.name)


def lower(model: onnx.ModelProto, instead: Mapping[str, Lowerer] | None = None) -> Lowering:
    """Lower a checked, static-shaped ONNX model, some operators `instead` by these lowerers.

    Raises `UnsupportedModelError`, which names all the nodes that cannot be carried.
    """
    images = image_ports(model)
    written = written_out(model, OPS)
    given = true_inputs(written)
    keys = scopes(info.name for info in given)
    inputs = tuple(_port(info, keys[info.name], images) for info in given)
    builder = _Builder(written, inputs, images, {**OPS, **(instead or {})})
    specs = [tf.TensorSpec(port.shape, port.dtype, port.key) for port in inputs]
    module = tf.Module()
    with hushed():
        module.run = tf.function(builder.build, input_signature=specs, autograph=False)
        function = module.run.get_concrete_function()
    if instead is None:
        _last[:] = [(model, Names(inputs, builder.outputs, builder.traces))]
    return Lowering(inputs, builder.outputs, builder.traces, function, module)


# The graph that was lowered last: its files are proved one after the other.
_last: list[tuple[onnx.ModelProto, Names]] = []


def names_of(model: onnx.ModelProto) -> Names:
    """The ports and values of a graph's lowering. Raises as `lower` does."""
    if not _last or _last[0][0] is not model:
        lower(model)
    return _last[0][1]


def _refuse(reasons: list[str]) -> None:
    raise UnsupportedModelError(
        f"{len(reasons)} node(s) cannot be carried to TFLite: " + "; ".join(reasons),
        "replace them in the model, or export it to another format",
    )


class _Builder:
    """Runs the lowerers inside the trace of one tf.function."""

    def __init__(
        self,
        model: onnx.ModelProto,
        ports: Sequence[Port],
        images: Collection[str],
        ops: Mapping[str, Lowerer],
    ) -> None:
        self._model = model
        self._ports = ports
        self._images = images
        self._ops = ops
        self._opsets = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
        self._shapes = static_shapes(model)
        self.outputs: tuple[Port, ...] = ()
        self.traces: dict[str, Trace] = {}

    def build(self, *arguments: Any) -> list[Any]:
        """The body of the function: all nodes in sequence, then the outputs in sequence."""
        graph = self._model.graph
        values = {w.name: Value.of(numpy_helper.to_array(w)) for w in graph.initializer}
        for port, argument in zip(self._ports, arguments, strict=True):
            values[port.name] = Value(argument, port.axes)
        names = scopes((node.output[0] for node in graph.node), (port.key for port in self._ports))
        reasons: list[str] = []
        for proto in graph.node:
            scope = names[proto.output[0]]
            try:
                with tf.name_scope(scope):
                    results = self._lowered(proto, values)
            except CannotLower as reason:
                reasons.append(f"{proto.name or proto.output[0]} ({self._op(proto)}): {reason}")
                results = self._stand_ins(proto)
            for name, value in zip(proto.output, results, strict=False):
                values[name] = value
                if not value.is_constant:
                    made_by = value.data.op.name
                    self.traces[name] = Trace(made_by, value.order, proto.name, proto.op_type)
            if any(name and name not in values for name in proto.output):
                break  # without a shape to stand in, what follows cannot be looked at
        if reasons:
            _refuse(reasons)
        return self._results(values)

    def _op(self, proto: onnx.NodeProto) -> str:
        domain = proto.domain or "ai.onnx"
        return f"{domain}::{proto.op_type}, opset {self._opsets.get(domain, '?')}"

    def _lowered(self, proto: onnx.NodeProto, values: Mapping[str, Value]) -> list[Value]:
        operands = tuple(values[name] if name else None for name in proto.input)
        opset = self._opsets.get("ai.onnx", onnx.defs.onnx_opset_version())
        if proto.op_type.startswith("Random"):
            raise CannotLower("what it computes is random")
        if all(value is None or value.is_constant for value in operands):
            arrays = fold(
                proto, [None if value is None else value.array for value in operands], opset
            )
            return [Value.of(array) for array in arrays]
        lowerer = self._ops.get(proto.op_type) if proto.domain in ("", "ai.onnx") else None
        if lowerer is None:
            raise CannotLower("there is no lowering for this op")
        narrow = {v.dtype.name for v in operands if v is not None and v.dtype in NARROW}
        if narrow and proto.op_type not in MOVERS:
            raise CannotLower(f"TFLite computes with {narrow.pop()} only where it is quantised")
        outputs = len([name for name in proto.output if name])
        try:
            result = lowerer(Node(proto.op_type, opset, operands, outputs, attributes(proto)))
        except (ValueError, TypeError, NotImplementedError, tf.errors.OpError) as error:
            raise CannotLower(f"TensorFlow refuses it: {error}") from error
        return [result] if isinstance(result, Value) else list(result)

    def _stand_ins(self, proto: onnx.NodeProto) -> list[Value]:
        """Zeros of the right shape for a node that failed, so that the rest is checked too."""
        found = []
        for name in proto.output:
            if name not in self._shapes:
                break
            found.append(Value.of(tf.zeros(*self._shapes[name])))
        return found

    def _results(self, values: Mapping[str, Value]) -> list[Any]:
        infos = self._model.graph.output
        keys = scopes((info.name for info in infos), (port.key for port in self._ports))
        results, ports = [], []
        for info in infos:
            value = values[info.name]
            order = layout.boundary(value.rank, info.name in self._images)
            placed = tf.convert_to_tensor(value.at(order).data)
            results.append(tf.identity(placed))
            lying = layout.lie(value.shape, order)
            key, dtype = keys[info.name], value.dtype.name
            ports.append(Port(info.name, value.shape, lying, order, key, dtype))
        self.outputs = tuple(ports)
        return results
