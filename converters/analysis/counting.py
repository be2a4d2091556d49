"""How operations are counted, whatever file they come from: multiply-adds, elements and bytes.

A count says why a time is what it is, and nothing else: attention adds two per cent of
multiply-adds, but each of its means and products reads a whole map and some write one. The bytes
are those of the tensors, each counted once; what a cache saves or a kernel reads again is not
known here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgebench.converters.analysis.attribution import NetworkPlace, OperationStep, place
from edgebench.converters.artifact import Operation

Shape = tuple[int, ...]


@dataclass(frozen=True)
class CountedTensor:
    shape: Shape
    item_bytes: float
    constant: bool

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return math.ceil(self.elements * self.item_bytes)


@dataclass(frozen=True)
class UncountedOperation:
    """An operation before it is counted. `madds` is what its own format's rules make of it.

    `moves` is False for one that touches no memory of its own: a change of shape alone, or an
    activation that every runtime computes within the convolution before it.
    """

    step: OperationStep
    type: str
    madds: int
    moves: bool


def counted(
    nodes: Sequence[UncountedOperation],
    tensors: Mapping[str, CountedTensor],
    weights: Mapping[str, str],
    image_side: int,
    height_axis: int,
) -> tuple[Operation, ...]:
    """Count nodes in their order, and place them in the network."""
    places = place([node.step for node in nodes], weights)
    stages = _stages(nodes, places, tensors, image_side, height_axis)
    return tuple(
        _operation(node, where, stages.get(where.block), tensors)
        for node, where in zip(nodes, places, strict=True)
    )


def _stages(
    nodes: Sequence[UncountedOperation],
    places: Sequence[NetworkPlace],
    tensors: Mapping[str, CountedTensor],
    image_side: int,
    height_axis: int,
) -> dict[int | None, int]:
    """Each block's stage: log2 of the stride of its last convolution to the input."""
    stages: dict[int | None, int] = {}
    for node, where in zip(nodes, places, strict=True):
        shape = tensors[node.step.outputs[0]].shape
        wide = image_side and len(shape) == 4 and shape[height_axis]
        if where.block is not None and not where.attention and node.madds and wide:
            stages[where.block] = round(math.log2(image_side / shape[height_axis]))
    return stages


def _operation(
    node: UncountedOperation,
    where: NetworkPlace,
    stage: int | None,
    tensors: Mapping[str, CountedTensor],
) -> Operation:
    step = node.step
    inputs = [tensors[name] for name in step.inputs]
    outputs = [tensors[name] for name in step.outputs]
    elements = sum(tensor.elements for tensor in outputs)
    if step.kind == "pooling":
        elements = sum(tensor.elements for tensor in inputs if not tensor.constant)
    return Operation(
        name=step.name,
        type=node.type,
        kind=step.kind,
        block=where.block,
        stage=stage,
        attention=where.attention,
        madds=node.madds,
        elementwise=0 if node.madds or step.kind == "move" else elements,
        weight_bytes=sum(t.size_bytes for t in inputs if t.constant) if node.moves else 0,
        read_bytes=sum(t.size_bytes for t in inputs if not t.constant) if node.moves else 0,
        written_bytes=sum(t.size_bytes for t in outputs) if node.moves else 0,
    )
