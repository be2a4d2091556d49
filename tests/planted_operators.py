"""Files of our own models with something in them that an NPU does not take."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import helper

UNKNOWN = "TheirOperator"


def with_unknown(path: Path, kind: str, target: Path) -> int:
    """Write `target`, in which all operators of a TFLite type are custom ones. Returns how many."""
    return _replaced(path, kind, schema.BuiltinOperator.CUSTOM, UNKNOWN, target)


def with_other(path: Path, kind: str, other: str, target: Path) -> int:
    """Write `target`, in which all operators of a type are of another that has no options."""
    return _replaced(path, kind, getattr(schema.BuiltinOperator, other), None, target)


def _replaced(path: Path, kind: str, other: int, custom: str | None, target: Path) -> int:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    number = getattr(schema.BuiltinOperator, kind)
    changed = 0
    for place, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) != number:
            continue
        code.builtinCode = code.deprecatedBuiltinCode = other
        code.customCode = custom
        for graph in model.subgraphs:
            for operator in graph.operators:
                if operator.opcodeIndex == place:
                    operator.builtinOptions, operator.builtinOptionsType = None, 0
                    changed += 1
    _write(model, target)
    return changed


def with_open_input(path: Path, sides: tuple[int, ...], target: Path) -> None:
    """Write `target`, whose only input declares these sides; -1 is no fixed size."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].shapeSignature = list(sides)
    _write(model, target)


def _write(model: schema.ModelT, target: Path) -> None:
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    target.write_bytes(bytes(builder.Output()))


def with_erf(path: Path, target: Path) -> None:
    """Write `target`, in which the only output of an ONNX file goes through Erf, unquantised."""
    model = onnx.load(path)
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["before" if name == output.name else name for name in node.output]
    model.graph.node.append(helper.make_node("Erf", ["before"], [output.name]))
    onnx.save(model, target)
