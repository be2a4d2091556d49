"""The ONNX graph between the two halves of an export: read from a user's file, checked, frozen.

A graph that leaves this module has static shapes, is simplified, and computes what the file
computes; `edgebench.converters.onnx.simplify` says how that is made sure of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnx.inliner
from numpy.typing import DTypeLike

from edgebench.converters.onnx.file import file_sha256, load
from edgebench.converters.onnx.full_precision import in_float32
from edgebench.converters.onnx.input_shapes import (
    InputShapes,
    Shape,
    dimensions,
    fix_shapes,
    shown,
    true_inputs,
)
from edgebench.converters.onnx.opset import in_todays_meaning
from edgebench.converters.onnx.quantised import InFloat, in_float, left_in
from edgebench.converters.onnx.simplify import simplify
from edgebench.converters.ranges import Range
from edgebench.errors import UnsupportedModelError

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
    `float_nodes` names the nodes that stay in float where the rest is quantised. `ranges` are those
    of values, by name, where the model was quantised already or trained to be. `notes` are what the
    user ought to know of how it was read.
    """

    model: onnx.ModelProto
    name: str
    source: Literal["zoo", "file", "module"]
    sha256: str
    notes: tuple[str, ...] = ()
    float_nodes: frozenset[str] = frozenset()
    ranges: Mapping[str, Range] = field(default_factory=dict)

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
    model = load(path)
    _check_tensors(path, model)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    quantised = in_float(str(path), model)
    model, other = in_float32(quantised.model)
    fix_shapes(path, model, input_shapes)
    simplified, notes = simplify(in_todays_meaning(str(path), model))
    _check_static(path, simplified)
    if other:
        notes = (f"{path} is in {other}; it was read as float32, inputs and outputs too", *notes)
    ranges, kept = left_in(simplified, quantised)
    if quantised.ranges:
        notes = (_as_quantised(path, quantised, len(ranges), len(kept)), *notes)
    return OnnxGraph(simplified, path.stem, "file", file_sha256(path), notes, kept, ranges)


def _as_quantised(path: Path, found: InFloat, ranges: int, kept: int) -> str:
    """What became of a file that was quantised, in words."""
    said = f"{path} is quantised (QDQ); it was read as float32, with {ranges} of its "
    said += f"{len(found.ranges)} ranges"
    return f"{said}; it leaves {kept} of its nodes in float, and so do int8 files" if kept else said


def _check_tensors(path: Path, model: onnx.ModelProto) -> None:
    if not true_inputs(model):
        raise UnsupportedModelError(f"{path} has no inputs", "there is nothing to run on a device")
    for value in [*true_inputs(model), *model.graph.output]:
        # What nothing is said of is inferred.
        kind = value.type.WhichOneof("value") or "tensor_type"
        if kind != "tensor_type":
            raise UnsupportedModelError(
                f"'{value.name}' of {path} is a {kind.removesuffix('_type')}; only tensors can be "
                "inputs and outputs",
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
