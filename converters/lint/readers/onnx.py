"""An .onnx file as a graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from edgebench.converters.lint.graph import SHORT, LintGraph, LintTensor, Op, Quantised
from edgebench.converters.lint.kinds import ONNX, kind
from edgebench.converters.lint.readers.folding import without_constant_ops
from edgebench.errors import InvalidFileError


def read(path: Path, name: str, precision: str) -> LintGraph:
    """Read the file's main graph, with the shapes that ONNX infers. Raises `InvalidFileError`."""
    try:
        model = onnx.load(path)
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except (OSError, DecodeError, ValueError, onnx.shape_inference.InferenceError) as error:
        raise InvalidFileError(f"{path} is not an ONNX file: {error}", "export it again") from error
    if not graph.node:
        raise InvalidFileError(f"{path} is not an ONNX file: it has no nodes", "export it again")
    tensors = _tensors(graph)
    ops = []
    for node in graph.node:
        for output in node.output:  # What inference does not reach is not known.
            tensors.setdefault(output, LintTensor(output, None, "unknown"))
        if node.op_type == "Constant":
            tensors[node.output[0]] = _constant(node.output[0], _attributes(node))
            continue
        tensors.update(
            {
                one: LintTensor(one, None, "unknown")
                for one in node.input
                if one and one not in tensors
            }
        )
        ops.append(_op(node, tensors))
    ops, tensors = without_constant_ops(ops, tensors)
    weights = {one.name for one in graph.initializer}
    return LintGraph(
        name=name,
        format="onnx",
        precision=precision,
        ops=tuple(ops),
        tensors=tensors,
        inputs=tuple(one.name for one in graph.input if one.name not in weights),
        outputs=tuple(one.name for one in graph.output),
    )


def _tensors(graph: onnx.GraphProto) -> dict[str, LintTensor]:
    found = {}
    for info in (*graph.input, *graph.value_info, *graph.output):
        kind_ = info.type.tensor_type
        shape = None
        if kind_.HasField("shape"):
            dims = kind_.shape.dim
            shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in dims)
        found[info.name] = LintTensor(info.name, shape, _dtype(kind_.elem_type))
    for one in graph.initializer:
        found[one.name] = LintTensor(
            one.name, tuple(one.dims), _dtype(one.data_type), True, values=_short(one)
        )
    _quantise(graph, found)
    return found


def _quantise(graph: onnx.GraphProto, found: dict[str, LintTensor]) -> None:
    """Give what QuantizeLinear makes its scale and zero point, where they lie in the file."""
    weights = {one.name: one for one in graph.initializer}
    for node in graph.node:
        if node.op_type != "QuantizeLinear" or node.input[1] not in weights:
            continue
        scales = numpy_helper.to_array(weights[node.input[1]]).ravel()
        points = np.zeros(scales.size, int)
        if len(node.input) > 2 and node.input[2] in weights:
            points = numpy_helper.to_array(weights[node.input[2]]).ravel()
        made = found.get(node.output[0], LintTensor(node.output[0], None, "int8"))
        quantised = Quantised(tuple(map(float, scales)), tuple(map(int, points)))
        found[made.name] = LintTensor(made.name, made.shape, made.dtype, quantised=quantised)


def _dtype(elem_type: int) -> str:
    if elem_type == onnx.TensorProto.UNDEFINED:
        return "unknown"
    return str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(elem_type)).name)


def _short(one: onnx.TensorProto) -> tuple[int, ...] | None:
    whole = one.data_type in (onnx.TensorProto.INT64, onnx.TensorProto.INT32)
    if not whole or int(np.prod(one.dims)) > SHORT:
        return None
    return tuple(int(n) for n in numpy_helper.to_array(one).ravel())


def _constant(name: str, attributes: dict[str, object]) -> LintTensor:
    value = np.asarray(next(iter(attributes.values())))
    short = value.dtype.kind == "i" and value.size <= SHORT
    values = tuple(int(n) for n in value.ravel()) if short else None
    return LintTensor(name, value.shape, value.dtype.name, True, values=values)


def _op(node: onnx.NodeProto, tensors: dict[str, LintTensor]) -> Op:
    attributes = _attributes(node)
    first = tensors[node.input[0]] if node.input and node.input[0] else None
    word = kind(ONNX, node.op_type)
    if word == "transpose" and "perm" not in attributes and first is not None and first.rank:
        attributes["perm"] = tuple(reversed(range(first.rank)))  # ONNX's default.
    if word == "conv" and first is not None and first.shape and len(first.shape) > 1:
        group = attributes.get("group", 1)
        word = "depthwise_conv" if group == first.shape[1] and group != 1 else word
    return Op(
        name=node.name or node.output[0],
        type=node.op_type,
        kind=word,
        inputs=tuple(node.input),
        outputs=tuple(one for one in node.output if one),
        attributes=attributes,
    )


def _attributes(node: onnx.NodeProto) -> dict[str, object]:
    return {one.name: _plain(onnx.helper.get_attribute_value(one)) for one in node.attribute}


def _plain(value: Any) -> object:
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return tuple(value) if isinstance(value, list) else value
