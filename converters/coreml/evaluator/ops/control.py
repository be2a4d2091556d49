"""Branches, loops, and the lists that loops fill."""

from __future__ import annotations

import torch
from torch import Tensor

from edgebench.converters.coreml.evaluator.operation import Call, Value, evaluates


@evaluates("cond", exact=True)
def cond(call: Call) -> tuple[Value, ...]:
    taken, other = call.operation.blocks
    return tuple(call.run_block(taken if bool(call.tensor("pred")) else other, ()))


@evaluates("while_loop", exact=True)
def while_loop(call: Call) -> tuple[Value, ...]:
    condition, body = call.operation.blocks
    carried = [call.values[name] for name in call.operation.inputs["loop_vars"]]
    while bool(call.run_block(condition, carried)[0]):
        carried = call.run_block(body, carried)
    return tuple(carried)


@evaluates("make_list", exact=True)
def make_list(call: Call) -> list[Tensor]:
    shape = [int(size) for size in call.tensors("elem_shape")]
    return [torch.zeros(shape)] * int(call.parameter("init_length", 1))


@evaluates("list_length", exact=True)
def list_length(call: Call) -> Tensor:
    return torch.tensor(len(call.value("ls")))


@evaluates("list_read", exact=True)
def list_read(call: Call) -> Tensor:
    element: Tensor = call.value("ls")[int(call.tensor("index"))]
    return element


@evaluates("list_write", exact=True)
def list_write(call: Call) -> list[Tensor]:
    return _written(call.value("ls"), [int(call.tensor("index"))], [call.tensor("value")])


@evaluates("list_gather", exact=True)
def list_gather(call: Call) -> Tensor:
    elements = call.value("ls")
    return torch.stack([elements[index] for index in call.ints("indices")])


@evaluates("list_scatter", exact=True)
def list_scatter(call: Call) -> list[Tensor]:
    return _written(call.value("ls"), call.ints("indices"), list(call.tensor("value")))


def _written(before: list[Tensor], places: list[int], values: list[Tensor]) -> list[Tensor]:
    """The list with these elements, grown where a place lies beyond its end."""
    after = list(before)
    after += [torch.zeros_like(values[0])] * (max(places) + 1 - len(after))
    for place, value in zip(places, values, strict=True):
        after[place] = value
    return after
