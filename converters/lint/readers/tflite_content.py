"""The content of a .tflite file as a graph: what lies in the file, and nothing that was asked.

No runtime is loaded, so this is quick, and what would crash one does no harm here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgebench.converters.lint.graph import SHORT, LintGraph, LintTensor, Op, Quantised
from edgebench.converters.lint.kinds import TFLITE, kind
from edgebench.converters.lint.readers.folding import without_constant_ops
from edgebench.converters.tflite import content
from edgebench.errors import InvalidFileError

ABSENT = -1


def read(path: Path, name: str, precision: str) -> LintGraph:
    """Read the file's main subgraph. Raises `InvalidFileError` for what is no TFLite file."""
    return parse(content.read(path), name, precision)


def parse(found: bytes, name: str, precision: str) -> LintGraph:
    """Read the main subgraph. Raises `InvalidFileError` for content that is damaged."""
    try:
        return _parse(found, name, precision)
    except (IndexError, KeyError, ValueError, TypeError, AttributeError, struct.error) as error:
        # What the schema's generated readers raise where offsets lead astray.
        raise InvalidFileError(f"{name} is damaged: {error}", "export it again") from error


def _parse(found: bytes, name: str, precision: str) -> LintGraph:
    model = schema.ModelT.InitFromPackedBuf(found, 0)
    subgraph = model.subgraphs[0]
    names = [f"{number} {_text(one.name)}" for number, one in enumerate(subgraph.tensors)]
    tensors = {
        name: _tensor(one, name, model.buffers)
        for name, one in zip(names, subgraph.tensors, strict=True)
    }
    ops = [
        _op(number, operator, model.operatorCodes[operator.opcodeIndex], names, tensors)
        for number, operator in enumerate(subgraph.operators)
    ]
    ops, tensors = without_constant_ops(ops, tensors)
    return LintGraph(
        name=name,
        format="tflite",
        precision=precision,
        ops=tuple(ops),
        tensors=tensors,
        inputs=tuple(names[i] for i in subgraph.inputs),
        outputs=tuple(names[i] for i in subgraph.outputs),
    )


def _text(name: Any) -> str:
    """The first of the names that TensorFlow's converter joins when it fuses operations."""
    return bytes(name or b"").decode(errors="replace").partition(";")[0]


def _tensor(one: Any, name: str, buffers: Any) -> LintTensor:
    dtype = _dtypes()[one.type]
    data = buffers[one.buffer].data
    constant = data is not None and len(data) > 0
    values = None
    if constant and dtype in ("int32", "int64") and len(data) <= SHORT * 8:
        values = tuple(int(n) for n in np.frombuffer(bytes(data), dtype))
    return LintTensor(name, _shape(one), dtype, constant, _quantised(one.quantization), values)


def _shape(one: Any) -> tuple[int | None, ...]:
    """The signature's shape, which has -1 where a dimension is not fixed, or else the plain one."""
    found = one.shape if one.shapeSignature is None else one.shapeSignature
    return tuple(None if n < 0 else int(n) for n in (() if found is None else found))


def _quantised(found: Any) -> Quantised | None:
    if found is None or found.scale is None or len(found.scale) == 0:
        return None
    points = found.zeroPoint
    points = [0] * len(found.scale) if points is None else points
    return Quantised(tuple(float(s) for s in found.scale), tuple(int(z) for z in points))


@cache
def _dtypes() -> dict[int, str]:
    return {value: name.lower() for name, value in _constants(schema.TensorType)}


@cache
def _op_types() -> dict[int, str]:
    return {value: name for name, value in _constants(schema.BuiltinOperator)}


def _constants(enumeration: type) -> list[tuple[str, int]]:
    return [(name, value) for name, value in vars(enumeration).items() if name.isupper()]


def _op(
    number: int, operator: Any, code: Any, names: list[str], tensors: Mapping[str, LintTensor]
) -> Op:
    # Codes above 127 are in the newer of the two fields; the other one holds the larger number.
    number_of_type = max(code.builtinCode, code.deprecatedBuiltinCode)
    type_ = _op_types().get(number_of_type, f"BUILTIN_{number_of_type}")
    custom = type_ == "CUSTOM"
    if custom:
        type_ = _text(code.customCode)
    inputs = tuple("" if i == ABSENT else names[i] for i in operator.inputs)
    outputs = tuple(names[i] for i in operator.outputs)
    attributes = {"version": code.version, "custom": custom, **_options(operator)}
    if type_ == "TRANSPOSE":
        attributes["perm"] = tensors[inputs[1]].values
    return Op(
        name=outputs[0].partition(" ")[2] if outputs else str(number),
        type=type_,
        kind=kind(TFLITE, type_),
        inputs=inputs,
        outputs=outputs,
        attributes=attributes,
    )


def _options(operator: Any) -> dict[str, object]:
    options = operator.builtinOptions
    return {} if options is None else dict(vars(options))
