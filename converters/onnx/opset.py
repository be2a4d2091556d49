"""Models of old opsets in the meaning that today's operators have.

    Upsample, Resize of opset 10                     =>  Resize (asymmetric)
    Softmax over an inner axis, before opset 13      =>  Flatten -> Softmax -> Reshape
    bounds, axes and pads as attributes              =>  as inputs

Softmax and its kin took all axes from theirs on for one before opset 13, and some runtimes read
them in today's sense whatever the file's opset. What ONNX's own converter makes of a model is
compared with the model itself: it leaves out some of the differences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import onnx
import onnx.version_converter
from onnx import helper, numpy_helper, shape_inference

from edgebench.converters.onnx.input_shapes import Shape
from edgebench.errors import UnsupportedModelError

OPSETS = range(7, 26)
"""What can be read. Before opset 7, broadcasting was another."""

# The first opset that the targets read as it is, and the one that older models are brought to.
_READ, _WRITTEN = 11, 13
_ONE_AXIS = 13
_FLATTENING = frozenset({"Softmax", "LogSoftmax", "Hardmax"})
_LEAST_IR = 7
_DOMAINS = ("", "ai.onnx")
_REMEDY = f"export it with opset {_WRITTEN} or later"


def opset_of(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators that a model is written in."""
    return next((o.version for o in model.opset_import if o.domain in _DOMAINS), 1)


def in_todays_meaning(name: str, model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with operators that mean the same in all opsets from its own on.

    `name` is what errors call it. Raises `UnsupportedModelError`.
    """
    opset = opset_of(model)
    if opset not in OPSETS:
        raise UnsupportedModelError(
            f"{name} is of opset {opset}; opsets {OPSETS[0]} to {OPSETS[-1]} can be exported",
            _REMEDY,
        )
    if opset >= _ONE_AXIS:
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    _flatten(changed.graph, _shapes(model))
    if opset < _READ:
        changed = _converted(name, changed)
    if changed != model and not _computes_the_same(model, changed):
        raise UnsupportedModelError(
            f"{name} is of opset {opset}, and does not compute the same when it is brought to "
            f"opset {_WRITTEN}",
            _REMEDY,
        )
    return changed


def _computes_the_same(one: onnx.ModelProto, other: onnx.ModelProto) -> bool:
    from edgebench.converters.onnx.reference import noise, same_values, session

    feed = noise(one, seed=0)
    try:
        before = session(one).run(None, feed)
    except Exception:  # What cannot be run is reported when the model is simplified.
        return True
    try:
        after = session(other).run(None, feed)
    except Exception:
        return False
    return all(same_values(a, b) for a, b in zip(before, after, strict=True))


def _flatten(graph: onnx.GraphProto, shapes: Mapping[str, Shape]) -> None:
    """Give Softmax and its kin two axes, of which the last means the same in every opset."""
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _flatten(attribute.g, shapes)
        if node.op_type in _FLATTENING and node.domain in _DOMAINS:
            nodes += _over_one_axis(node, shapes.get(node.input[0]))
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def _over_one_axis(node: onnx.NodeProto, shape: Shape | None) -> list[onnx.NodeProto]:
    (x,), (y,) = node.input, node.output
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    if shape and math.prod(shape[axis % len(shape) + 1 :]) == 1:
        return [helper.make_node(node.op_type, [x], [y], name=node.name, axis=axis)]
    sizes, rows, results = f"{y}/shape", f"{y}/rows", f"{y}/results"
    return [
        helper.make_node("Shape", [x], [sizes]),
        helper.make_node("Flatten", [x], [rows], axis=axis),
        helper.make_node(node.op_type, [rows], [results], name=node.name, axis=1),
        helper.make_node("Reshape", [results, sizes], [y]),
    ]


def _shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    return {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info)
        if all(dim.dim_value > 0 for dim in value.type.tensor_type.shape.dim)
    }


def _converted(name: str, model: onnx.ModelProto) -> onnx.ModelProto:
    """By ONNX's converter, and with what it forgets of resizing."""
    try:
        converted = onnx.version_converter.convert_version(model, _WRITTEN)
    except Exception as error:  # the converter's failures have no common class
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UnsupportedModelError(
            f"ONNX's converter cannot bring {name} from opset {opset_of(model)} to {_WRITTEN}: "
            f"{reason}",
            _REMEDY,
        ) from error
    converted.ir_version = max(converted.ir_version, _LEAST_IR)
    known = {tensor.name: tensor for tensor in converted.graph.initializer}
    known |= {
        node.output[0]: node.attribute[0].t
        for node in converted.graph.node
        if node.op_type == "Constant" and node.attribute[0].name == "value"
    }
    for node in converted.graph.node:
        if node.op_type == "Resize":
            scales = known.get(node.input[2])
            _make_asymmetric(node, [] if scales is None else numpy_helper.to_array(scales).tolist())
    return converted


def _make_asymmetric(node: onnx.NodeProto, scales: list[float]) -> None:
    """How Upsample, and Resize in opset 10, found the element that a place comes from."""
    smaller = any(scale < 1 for scale in scales)
    node.attribute.extend(
        [
            helper.make_attribute("coordinate_transformation_mode", "asymmetric"),
            helper.make_attribute("nearest_mode", "ceil" if smaller else "floor"),
        ]
    )
