"""Several samples at once: each operation over all of them, where torch can carry it so.

    x (1, 96, 24, 24) of 64 samples   ->   (64, 1, 96, 24, 24), computed by one call

`torch.vmap` gives what computes an op another axis, without its knowledge, and refuses where
the numbers of a sample decide what is done: such an op is computed sample by sample. A sample's
numbers are those that it has alone up to the last bits of float32: torch may add up a convolution
in another order, and computes functions such as a sigmoid otherwise at the end of a tensor.

It pays for small values, where a call takes longer than its arithmetic. Large ones leave the
processor's caches, and take a quarter longer together than one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from edgebench.converters.coreml.evaluator.execute import results
from edgebench.converters.coreml.evaluator.operation import Block, Declared, Operation, Value
from edgebench.converters.coreml.evaluator.ports import Port
from edgebench.converters.coreml.evaluator.schedule import Step, reads
from edgebench.converters.coreml.evaluator.tensors import array
from edgebench.errors import UnsupportedModelError

# The values of several samples: a tensor with the samples along its first axis, or one of each.
Held = Tensor | list[Value]
# Hears a value's name, its op, and the value.
Visit = Callable[[str, str, NDArray[Any]], None]

_LARGEST_BYTES = 16 << 20
_MOST, _FEWEST = 64, 12


def count(body: Block, inputs: Sequence[Declared]) -> int:
    """How many samples to compute at once; 1 where it does not pay."""
    outputs = [out for operation in body.operations for out in operation.outputs]
    largest = max(math.prod(size or 1 for size in out.shape) for out in (*inputs, *outputs))
    fitting = min(_MOST, _LARGEST_BYTES // (4 * max(1, largest)))
    return fitting if fitting >= _FEWEST else 1


class Together:
    """Computes a program over samples; remembers which operations are done one by one."""

    def __init__(self, steps: Sequence[Step], constants: Mapping[str, Value], opset: int) -> None:
        self._steps = steps
        self._constants = constants
        self._opset = opset
        self._singly: set[str] = set()

    def run(
        self, inputs: Sequence[tuple[Port, Sequence[Tensor]]], visit: Visit | None
    ) -> Mapping[str, Held]:
        """The outputs that depend on inputs. Raises `UnsupportedModelError`."""
        held: dict[str, Held] = {}
        for port, column in inputs:
            samples = len(column)
            held[port.name] = torch.stack([*column])
            if visit is not None:
                _show(visit, port.name, "input", held[port.name], port.dtype)
        for step in self._steps:
            for declared, values in self._compute(step.operation, held, samples):
                held[declared.name] = values
                if visit is not None:
                    _show(visit, declared.name, step.operation.op_type, values, declared.dtype)
            for name in step.last_read:
                held.pop(name, None)
        return held

    def _compute(
        self, operation: Operation, held: Mapping[str, Held], samples: int
    ) -> Iterator[tuple[Declared, Held]]:
        """Each output with its values."""
        names = [n for n in dict.fromkeys(reads(Block((), (operation,), ()))) if n in held]
        tensors = [value for name in names if isinstance(value := held[name], Tensor)]
        plain = not operation.blocks and names and len(tensors) == len(names)
        if plain and operation.name not in self._singly:
            try:
                made = self._at_once(operation, names, tensors)
                return zip(operation.outputs, made, strict=True)
            except (UnsupportedModelError, RuntimeError, ValueError):
                self._singly.add(operation.name)
        return self._one_by_one(operation, names, held, samples)

    def _at_once(
        self, operation: Operation, names: Sequence[str], tensors: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        def one(*values: Tensor) -> tuple[Value, ...]:
            known = {**self._needed(operation), **dict(zip(names, values, strict=True))}
            return tuple(value for _, value in results(operation, known, self._opset))

        made: tuple[Tensor, ...] = torch.vmap(one)(*tensors)
        return made

    def _needed(self, operation: Operation) -> dict[str, Value]:
        read = reads(Block((), (operation,), ()))
        return {name: self._constants[name] for name in read if name in self._constants}

    def _one_by_one(
        self, operation: Operation, names: Collection[str], held: Mapping[str, Held], samples: int
    ) -> Iterator[tuple[Declared, Held]]:
        known = self._needed(operation)
        rows = [
            [
                value
                for _, value in results(
                    operation, known | {name: held[name][i] for name in names}, self._opset
                )
            ]
            for i in range(samples)
        ]
        for declared, column in zip(operation.outputs, zip(*rows, strict=True), strict=True):
            yield declared, _joined(list(column))


def for_several(visit: Visit) -> Visit:
    """What visits the values of one sample as it visits those of several."""
    return lambda name, op_type, value: visit(name, op_type, value[None])


def _show(visit: Visit, name: str, op_type: str, held: Held, dtype: str) -> None:
    if isinstance(held, Tensor):
        visit(name, op_type, array(held, dtype))
        return
    for value in held:
        if isinstance(value, Tensor):
            visit(name, op_type, array(value[None], dtype))


def _joined(values: list[Value]) -> Held:
    """One tensor, where the values are tensors of one shape."""
    first = values[0]
    if isinstance(first, Tensor) and all(
        isinstance(value, Tensor) and value.shape == first.shape for value in values
    ):
        return torch.stack(values)
    return values
