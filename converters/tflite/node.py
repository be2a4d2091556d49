"""One ONNX node as a lowerer sees it, and the table in which lowerers register."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgebench.converters.tflite.value import Array, Value

Outputs = Value | Sequence[Value]


class CannotLower(Exception):
    """Why a node cannot be carried to TFLite; the lowering collects these into one error."""


@dataclass(frozen=True)
class Node:
    """A node with its operands. `inputs[i]` is None where an optional input is left out.

    `foldable_rows` says that everything that reads the node's output is a matrix product with a
    constant, which can take its rows in any sequence.
    """

    op_type: str
    opset: int
    inputs: tuple[Value | None, ...]
    outputs: int
    attributes: Mapping[str, Any]

    def attribute(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)

    def has(self, index: int) -> bool:
        return index < len(self.inputs) and self.inputs[index] is not None

    def value(self, index: int = 0) -> Value:
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise CannotLower(f"its input {index} is missing")
        return value

    def constant(self, index: int, what: str) -> Array:
        """An operand that must be known when the model is built, in ONNX's order of axes."""
        value = self.value(index)
        if not value.is_constant:
            raise CannotLower(f"its {what} (input {index}) is computed at run time")
        return value.array

    def ints(self, index: int, attribute: str) -> list[int] | None:
        """Integers that older opsets give as an attribute and newer ones as an input."""
        if self.has(index):
            return [int(x) for x in self.constant(index, attribute).reshape(-1)]
        given = self.attribute(attribute)
        return None if given is None else [int(x) for x in given]


Lowerer = Callable[[Node], Outputs]

OPS: dict[str, Lowerer] = {}


def lowers(*op_types: str) -> Callable[[Lowerer], Lowerer]:
    """Register the lowerer of these ONNX ops. Raises `ValueError` for a second one."""

    def register(lowerer: Lowerer) -> Lowerer:
        for op_type in op_types:
            if op_type in OPS:
                raise ValueError(f"{op_type} has a lowerer already")
            OPS[op_type] = lowerer
        return lowerer

    return register
