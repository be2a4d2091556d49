"""In which sequence a program is computed, what it reads, and when a value is done with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgebench.converters.coreml.evaluator.operation import Block, Operation


@dataclass(frozen=True)
class Step:
    """An operation, and the values that nothing reads after it."""

    operation: Operation
    last_read: tuple[str, ...]


def walk(block: Block) -> Iterator[Operation]:
    """Every operation, those of branches and loops included."""
    for operation in block.operations:
        yield operation
        for inner in operation.blocks:
            yield from walk(inner)


def reads(block: Block) -> Iterator[str]:
    """The names of all values that a block's operations read."""
    for operation in walk(block):
        for names in operation.inputs.values():
            yield from names
        for inner in operation.blocks:
            yield from inner.outputs


def steps(body: Block) -> Iterator[Step]:
    """The operations of a function, each with the values that are done with after it."""
    last: dict[str, int] = {}
    for i, operation in enumerate(body.operations):
        for name in reads(Block((), (operation,), ())):
            last[name] = i
        for out in operation.outputs:
            last.setdefault(out.name, i)
    free: list[list[str]] = [[] for _ in body.operations]
    for name, i in last.items():
        if name not in body.outputs:
            free[i].append(name)
    for operation, names in zip(body.operations, free, strict=True):
        yield Step(operation, tuple(names))
