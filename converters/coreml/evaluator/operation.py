"""An operation of a MIL program, its call, and the table of what computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

# A tensor, a string, a list of strings (class labels) or of tensors, or a `State`.
Value = Any
Result = Value | tuple[Value, ...]


@dataclass
class State:
    """A value that a stateful program keeps from one run to the next."""

    tensor: Tensor


class CannotEvaluate(Exception):
    """Why one operation cannot be computed, as a clause."""


@dataclass(frozen=True)
class Declared:
    """A value as the program declares it.

    `dtype` is NumPy's name, "string", or "" for a list or a dictionary; a dimension that is only
    known at run time is None.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Block:
    """A body of operations: a function's, a branch's or a loop's."""

    inputs: tuple[Declared, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Operation:
    """One line of the program.

    `name` is the op's own, which may differ from that of the values it computes. `inputs` gives,
    for each parameter, the names of the values bound to it. `parameters` holds those that are
    small constants, as Python numbers, strings and nested lists.
    """

    op_type: str
    name: str
    inputs: Mapping[str, tuple[str, ...]]
    outputs: tuple[Declared, ...]
    blocks: tuple[Block, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """An operation with the values of its parameters.

    All real numbers are float32 tensors, whatever the program declares; what is stored in fewer
    bits has been rounded to them. `opset` is the iOS version whose definitions hold.
    """

    operation: Operation
    values: Mapping[str, Value]
    opset: int
    run_block: Callable[[Block, Sequence[Value]], list[Value]]

    def has(self, name: str) -> bool:
        return name in self.operation.inputs

    def value(self, name: str) -> Value:
        return self.values[self.operation.inputs[name][0]]

    def tensor(self, name: str = "x") -> Tensor:
        value = self.values[self.operation.inputs[name][0]]
        return value if isinstance(value, Tensor) else torch.as_tensor(value)

    def optional(self, name: str) -> Tensor | None:
        return self.tensor(name) if name in self.operation.inputs else None

    def tensors(self, name: str) -> list[Tensor]:
        return [self.values[key] for key in self.operation.inputs[name]]

    def parameter(self, name: str, default: Any = None) -> Any:
        """A parameter as Python numbers, whether it is a constant or computed by the program."""
        parameters = self.operation.parameters
        if name in parameters:
            return parameters[name]
        if name not in self.operation.inputs:
            return default
        value = self.value(name)
        return value.tolist() if isinstance(value, Tensor) else value

    def ints(self, name: str, default: Sequence[int] = ()) -> list[int]:
        found = self.parameter(name)
        if found is None:
            return list(default)
        return found if isinstance(found, list) else [int(found)]

    @property
    def declared(self) -> Declared:
        return self.operation.outputs[0]


Evaluate = Callable[[Call], Result]


@dataclass(frozen=True)
class Entry:
    """How an op is computed. `exact` says that it only moves or selects numbers, so that its
    result needs no rounding."""

    evaluate: Evaluate
    exact: bool


OPS: dict[str, Entry] = {}


def evaluates(*op_types: str, exact: bool = False) -> Callable[[Evaluate], Evaluate]:
    """Register what computes these ops. Raises `ValueError` for a second one."""

    def register(evaluate: Evaluate) -> Evaluate:
        for op_type in op_types:
            if op_type in OPS:
                raise ValueError(f"{op_type} is computed by another function already")
            OPS[op_type] = Entry(evaluate, exact)
        return evaluate

    return register
