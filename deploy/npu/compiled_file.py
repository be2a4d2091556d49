"""A .tflite file that a compiler for NPUs has made: what it took, what it left, and the programs.

LiteRT's compiler replaces each partition that the NPU takes by a `DISPATCH_OP`. Its options, a
flexbuffer, say where in the file the partition's program for the NPU lies. All other operators are
left to the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from edgebench.errors import InvalidFileError, MissingExtraError

DISPATCH = b"DISPATCH_OP"


@dataclass(frozen=True)
class PartitionPort:
    """An input or output of a partition. `dtype` is TFLite's name of its type, such as INT8."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Partition:
    """A part of the graph that the NPU runs. `offset` and `size` are where its program lies."""

    name: str
    inputs: tuple[PartitionPort, ...]
    outputs: tuple[PartitionPort, ...]
    offset: int
    size: int


@dataclass(frozen=True)
class Left:
    """An operator that the compiler left to the CPU, and the tensor that it makes.

    `inputs` and `outputs` are the types of its values; constants are among the inputs.
    """

    type: str
    tensor: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class CompiledFile:
    """What a compiled file consists of, in its order."""

    partitions: tuple[Partition, ...]
    left: tuple[Left, ...]


def inputs_of_no_size(path: Path) -> dict[str, tuple[int, ...]]:
    """The inputs of a .tflite file that have an axis of no fixed size, -1, beside the first.

    Raises `InvalidFileError`. The first axis may be open: one image is run at a time.
    """
    found = {}
    try:
        for graph in _model(path.read_bytes()).subgraphs[:1]:
            for tensor in (graph.tensors[number] for number in graph.inputs):
                declared = tensor.shapeSignature
                sides = () if declared is None else tuple(int(side) for side in declared)
                if -1 in sides[1:]:
                    found[tensor.name.decode(errors="replace")] = sides
    except Exception as error:  # Whatever a reader of a broken flatbuffer raises.
        if isinstance(error, MissingExtraError):
            raise
        raise _broken(path, error) from error
    return found


def read(path: Path) -> CompiledFile:
    """Read a compiled .tflite file. Raises `InvalidFileError` for what is none."""
    try:
        from flatbuffers import flexbuffers
    except ImportError as error:
        raise MissingExtraError("ai-edge-litert", "tflite") from error
    content = path.read_bytes()
    try:
        model = _model(content)
        partitions, left = [], []
        for graph in model.subgraphs:
            for operator in graph.operators:
                code = model.operatorCodes[operator.opcodeIndex]
                inputs, outputs = (
                    tuple(_port(graph.tensors[number]) for number in numbers if number >= 0)
                    for numbers in (operator.inputs, operator.outputs)
                )
                if code.customCode == DISPATCH:
                    found = flexbuffers.Loads(_options(operator, content))
                    at, size = int(found["bytecode_offset"]), int(found["bytecode_size"])
                    partitions.append(Partition(str(found["name"]), inputs, outputs, at, size))
                else:
                    left.append(
                        Left(
                            _type(code),
                            outputs[0].name if outputs else "",
                            tuple(port.dtype for port in inputs),
                            tuple(port.dtype for port in outputs),
                        )
                    )
    except Exception as error:  # Whatever a reader of a broken flatbuffer raises.
        raise _broken(path, error) from error
    return CompiledFile(tuple(partitions), tuple(left))


def _model(content: bytes) -> Any:
    """The file's content as objects. Raises what a reader of a broken flatbuffer raises."""
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError as error:
        raise MissingExtraError("ai-edge-litert", "tflite") from error
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


def _broken(path: Path, error: Exception) -> InvalidFileError:
    return InvalidFileError(
        f"{path} is not a .tflite file: {error}", "export it again with: edgebench export"
    )


def _options(operator: Any, content: bytes) -> bytes:
    """An operator's options; those of a file with weights beside the flatbuffer lie there too."""
    if operator.customOptions is not None and len(operator.customOptions):
        return bytes(operator.customOptions)
    start = operator.largeCustomOptionsOffset
    return content[start : start + operator.largeCustomOptionsSize]


def _port(tensor: Any) -> PartitionPort:
    shape = () if tensor.shape is None else tuple(int(side) for side in tensor.shape)
    return PartitionPort(tensor.name.decode(errors="replace"), _types()[tensor.type], shape)


def _type(code: Any) -> str:
    """TFLite's name of an operator's type; a custom operator's own."""
    if code.customCode:
        return str(code.customCode.decode(errors="replace"))
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return _names("BuiltinOperator").get(number, f"operator {number}")


def _types() -> dict[int, str]:
    return _names("TensorType")


@cache
def _names(enumeration: str) -> dict[int, str]:
    """The names of the values of one of the schema's enumerations."""
    from ai_edge_litert import schema_py_generated as schema

    found = vars(getattr(schema, enumeration)).items()
    return {value: name for name, value in found if isinstance(value, int)}
