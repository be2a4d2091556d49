"""What runs each operator of a graph, from the file that LiteRT's tools write of it.

    benchmark_model --export_model_runtime_info=true --model_runtime_info_output_file=FILE
    benchmark_litert_model --model_runtime_info_output_file=FILE

It is a message of tflite/profiling/proto/model_runtime_info.proto in google-ai-edge/LiteRT, written
when all delegates have been applied. Of it are read

    ModelRuntimeDetails  subgraphs = 2
    RuntimeSubgraph      nodes = 3, execution_plan = 4
    Node                 id = 1, name = 2, delegate_node_details = 8, delegated_to_node_id = 9
    DelegateNodeDetails  delegate_name = 1

in protobuf's wire format, because phones are measured on hosts that have no framework, and so no
protobuf: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgebench.errors import InvalidFileError

CPU = "cpu"
"""Stands for LiteRT's own kernels."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""The wire types; groups, 3 and 4, are in no message since proto2."""


@dataclass(frozen=True)
class PlacedNode:
    """An operator of the graph: LiteRT's name of its type, and the delegate that runs it."""

    type: str
    by: str


@dataclass(frozen=True)
class RuntimeInfo:
    """All operators that are run, in the graph's order, and the name of each delegate's node."""

    operators: tuple[PlacedNode, ...]
    kernels: tuple[str, ...]


def read(content: bytes) -> RuntimeInfo:
    """Read the file. Raises `InvalidFileError` for what is no such file."""
    operators: list[PlacedNode] = []
    kernels: list[str] = []
    try:
        for graph in _messages(content, 2):
            planned = set(_numbers(graph, 4))
            nodes = {_number(node, 1): node for node in _messages(graph, 3)}
            delegates = {
                place: _text(details[-1], 1)
                for place, node in nodes.items()
                if (details := list(_messages(node, 8)))
            }
            kernels += [name for place, name in delegates.items() if place in planned]
            for place, node in nodes.items():
                by = delegates.get(_number(node, 9, -1), CPU)
                if place not in delegates and (by != CPU or place in planned):
                    operators.append(PlacedNode(_text(node, 2), by))
    except (ValueError, IndexError) as error:
        raise InvalidFileError(
            f"what LiteRT wrote of the graph cannot be read: {error}", "use another version of it"
        ) from error
    return RuntimeInfo(tuple(operators), tuple(kernels))


Field = tuple[int, int | bytes]
"""A field's number and its value."""


def _fields(message: bytes) -> Iterator[Field]:
    """The fields of a message. Raises `ValueError` and `IndexError` where it ends too soon."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = _varint(message, at)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"a field of type {kind}")
        if at + size > len(message):
            raise ValueError("it ends within a field")
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a byte, and the byte behind it."""
    value = 0
    for place in range(10):
        byte = message[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("a number that does not end")


def _values(message: bytes, wanted: int) -> Iterator[int | bytes]:
    return (value for number, value in _fields(message) if number == wanted)


def _messages(message: bytes, wanted: int) -> Iterator[bytes]:
    for value in _values(message, wanted):
        if not isinstance(value, bytes):
            raise ValueError(f"a number in the place of field {wanted}")
        yield value


def _numbers(message: bytes, wanted: int) -> Sequence[int]:
    """The numbers of a repeated field, packed or not."""
    found: list[int] = []
    for value in _values(message, wanted):
        if isinstance(value, int):
            found.append(value)
            continue
        at = 0
        while at < len(value):
            one, at = _varint(value, at)
            found.append(one)
    return found


def _number(message: bytes, wanted: int, otherwise: int = 0) -> int:
    return next(reversed(_numbers(message, wanted)), otherwise)


def _text(message: bytes, wanted: int) -> str:
    return next(_messages(message, wanted), b"").decode(errors="replace")
