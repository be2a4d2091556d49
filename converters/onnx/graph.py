"""The ONNX graph between the two halves of an export: read from a user's file, checked, frozen.

A graph that leaves this module has static shapes, is simplified, and computes what the file
computes; `edgebench.converters.onnx.simplify` says how that is made sure of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnx.inliner
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import DTypeLike
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from edgebench.converters.onnx.input_shapes import (
    InputShapes,
    Shape,
    dimensions,
    fix_shapes,
    shown,
    true_inputs,
)
from edgebench.converters.onnx.simplify import simplify
from edgebench.errors import InvalidFileError, UnsupportedModelError

OPSETS = range(11, 26)
_DEFAULT_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a graph; shapes and axes are ONNX's."""

    name: str
    shape: Shape
    dtype: np.dtype[np.generic]


@dataclass(frozen=True)
class OnnxGraph:
    """A simplified model of static shapes.

    `sha256` is that of the zoo's serialised graph or of the user's file with its external data.
    `float_nodes` names the nodes that stay in float where the rest is quantised. `notes` are what
    the user ought to know of how it was read.
    """

    model: onnx.ModelProto
    name: str
    source: Literal["zoo", "file", "module"]
    sha256: str
    notes: tuple[str, ...] = ()
    float_nodes: frozenset[str] = frozenset()

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        return tuple(_info(value) for value in true_inputs(self.model))

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        return tuple(_info(value) for value in self.model.graph.output)


def _info(value: onnx.ValueInfoProto) -> TensorInfo:
    tensor = value.type.tensor_type
    dtype: DTypeLike = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return TensorInfo(value.name, tuple(d.dim_value for d in tensor.shape.dim), np.dtype(dtype))


def read(path: Path, input_shapes: InputShapes = None) -> OnnxGraph:
    """Read a user's ONNX file, fix its dynamic dimensions and simplify it.

    Raises `InvalidFileError` for what is not a sound ONNX file, `UsageError` for input shapes
    that are missing or do not fit, `UnsupportedModelError` for a sound model out of our reach.
    """
    model = _load(path)
    _check_version(path, model)
    _check_tensors(path, model)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    fix_shapes(path, model, input_shapes)
    simplified, notes = simplify(model)
    _check_static(path, simplified)
    return OnnxGraph(simplified, path.stem, "file", file_sha256(path), notes)


def file_sha256(path: Path) -> str:
    """SHA-256 over the file and, in the order of their names, its external data files.

    Raises `InvalidFileError` where one of them cannot be read.
    """
    digest = hashlib.sha256(_bytes(path))
    for part in sorted(_external_files(_parse(path))):
        digest.update(_bytes(path.parent / part))
    return digest.hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidFileError(
            f"cannot read {path}: {error.strerror}", "check the path and its permissions"
        ) from error


def _parse(path: Path) -> onnx.ModelProto:
    data = _bytes(path)
    if not data:
        raise InvalidFileError(f"{path} is empty", "export the model again")
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise InvalidFileError(
            f"{path} is not an ONNX file, or it is cut short or corrupt",
            "give a file written by an ONNX exporter",
        ) from error
    if not model.ir_version or not model.graph.output:
        # Protobuf reads much that is foreign as a message with unknown fields only.
        raise InvalidFileError(
            f"{path} is not an ONNX model (it has no version or no outputs)",
            "give a file written by an ONNX exporter",
        )
    return model


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)
            for inner in attribute.graphs:
                yield from _tensors(inner)


def _external_files(model: onnx.ModelProto) -> set[str]:
    return {
        ExternalDataInfo(tensor).location
        for tensor in _tensors(model.graph)
        if uses_external_data(tensor)
    }


def _load(path: Path) -> onnx.ModelProto:
    model = _parse(path)
    missing = [part for part in _external_files(model) if not (path.parent / part).is_file()]
    if missing:
        raise InvalidFileError(
            f"the weights of {path} are missing: {', '.join(sorted(missing))}",
            f"put them beside it, in {path.parent}",
        )
    try:
        onnx.checker.check_model(str(path))
        onnx.load_external_data_for_model(model, str(path.parent))
    except (onnx.checker.ValidationError, OSError, ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise InvalidFileError(
            f"{path} breaks the rules of ONNX: {first}", "export the model again"
        ) from error
    return model


def _check_version(path: Path, model: onnx.ModelProto) -> None:
    versions = [o.version for o in model.opset_import if o.domain in _DEFAULT_DOMAINS]
    opset = versions[0] if versions else 1
    if opset not in OPSETS:
        raise UnsupportedModelError(
            f"{path} is of opset {opset}; opsets {OPSETS[0]} to {OPSETS[-1]} can be exported",
            "export it with another opset, or convert it with onnx.version_converter",
        )


def _check_tensors(path: Path, model: onnx.ModelProto) -> None:
    if not true_inputs(model):
        raise UnsupportedModelError(f"{path} has no inputs", "there is nothing to run on a device")
    for value in [*true_inputs(model), *model.graph.output]:
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type":
            what = (kind or "unknown").removesuffix("_type")
            raise UnsupportedModelError(
                f"'{value.name}' of {path} is a {what}; only tensors can be inputs and outputs",
                "export the model with tensors at its borders",
            )


def _check_static(path: Path, model: onnx.ModelProto) -> None:
    foreign = [node for node in model.graph.node if node.domain not in _DEFAULT_DOMAINS]
    for value in model.graph.output:
        has_shape = value.type.tensor_type.HasField("shape")
        if has_shape and all(isinstance(d, int) for d in dimensions(value)):
            continue
        if foreign:
            node = foreign[0]
            raise UnsupportedModelError(
                f"the shape of '{value.name}' of {path} cannot be told: node "
                f"'{node.name or node.output[0]}' is a {node.domain}::{node.op_type}, "
                "which is not of ONNX's own ops",
                "export the float model with standard ONNX ops, without ONNX Runtime's optimiser",
            )
        raise UnsupportedModelError(
            f"the output '{value.name}' of {path} has a shape that depends on the data: "
            f"{shown(dimensions(value))}",
            "cut the model before the ops that select by value (NonZero, NMS and the like)",
        )
