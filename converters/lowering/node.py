"""One ONNX node as a lowerer sees it, and the table in which lowerers register."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

Array = NDArray[Any]


class Operand(Protocol):
    """A value on its way through a lowering: known already, or computed when the model runs.

    Shapes and axes are ONNX's.
    """

    @property
    def is_constant(self) -> bool: ...

    @property
    def array(self) -> Array:
        """The known elements. Only for constants."""
        ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def rank(self) -> int: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...


V = TypeVar("V", bound=Operand)


class CannotLower(Exception):
    """Why a node cannot be carried to the target; the lowering collects these into one error."""


@dataclass(frozen=True)
class Node(Generic[V]):
    """A node with its operands. `inputs[i]` is None where an optional input is left out."""

    op_type: str
    opset: int
    inputs: tuple[V | None, ...]
    outputs: int
    attributes: Mapping[str, Any]

    def attribute(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)

    def has(self, index: int) -> bool:
        return index < len(self.inputs) and self.inputs[index] is not None

    def value(self, index: int = 0) -> V:
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


class Table(Generic[V]):
    """The lowerers of one target, by ONNX op."""

    def __init__(self) -> None:
        self.ops: dict[str, Callable[[Node[V]], V | Sequence[V]]] = {}

    def lowers(
        self, *op_types: str
    ) -> Callable[[Callable[[Node[V]], V | Sequence[V]]], Callable[[Node[V]], V | Sequence[V]]]:
        """Register the lowerer of these ops. Raises `ValueError` for a second one."""

        def register(
            lowerer: Callable[[Node[V]], V | Sequence[V]],
        ) -> Callable[[Node[V]], V | Sequence[V]]:
            for op_type in op_types:
                if op_type in self.ops:
                    raise ValueError(f"{op_type} has a lowerer already")
                self.ops[op_type] = lowerer
            return lowerer

        return register


def attributes(proto: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes by name, text as `str`."""
    return {each.name: _attribute(each) for each in proto.attribute}


def _attribute(proto: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(proto)
    return value.decode() if isinstance(value, bytes) else value
