"""Where in the network an operation belongs: which block, and whether to its attention.

Names carry that only in part. A convolution's weights have the module's path in their name, such as
`features.2.conv.attention.conv1.weight`; means, products and activations have no weights. They are
placed by the sequence of the operations, which is the sequence of the modules:

    features.2.conv.1.0        convolution, backbone
    activation of it           backbone
    mean, mean, concat         attention, because block 2 has some
    ...attention.conv1         convolution, attention
    activation, split, ...     attention
    multiply, multiply         attention
    features.2.conv.2          convolution, backbone
    add of the block's input   backbone
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import onnx

from edgebench.converters.artifact import OperationKind

_BLOCK = re.compile(r"features\.(\d+)\.")
_ATTENTION = ".attention."
# What a converter adds to a value's name follows one of these.
_NAME_ENDS = re.compile(r"[;/]")
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")


@dataclass(frozen=True)
class NetworkPlace:
    """A block, None outside the blocks, and whether the operation is part of its attention."""

    block: int | None = None
    attention: bool = False


@dataclass(frozen=True)
class OperationStep:
    """What placing needs to know of an operation: its name and the tensors it connects."""

    name: str
    kind: OperationKind
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def anchors(graph: onnx.GraphProto) -> dict[str, str]:
    """The module path of the weights, by the name of the value computed with them."""
    weights = {tensor.name for tensor in graph.initializer}
    found = {}
    for node in graph.node:
        # Passes over the graph give what they change a name of the same beginning.
        paths = [name for name in node.input if name in weights and ".weight" in name]
        if node.op_type in WEIGHTED and paths:
            found[node.output[0]] = paths[0]
    return found


def place(steps: Sequence[OperationStep], weights: Mapping[str, str]) -> list[NetworkPlace]:
    """The place of every step; `weights` is what `anchors` found."""
    paths = [_path(step.name, weights) for step in steps]
    have_attention = {_block(path) for path in paths if path and _ATTENTION in path}
    entries: dict[int | None, set[str]] = {}
    producers: dict[str, NetworkPlace] = {}
    places = []
    here = NetworkPlace()
    for step, path in zip(steps, paths, strict=True):
        if path is not None:
            here = NetworkPlace(_block(path), _ATTENTION in path)
            entries.setdefault(here.block, set(step.inputs))
        else:
            in_backbone = (
                step.kind == "activation" and _after_backbone(step, producers)
            ) or _is_residual(step, entries.get(here.block, set()))
            attends = here.block in have_attention and not in_backbone
            here = NetworkPlace(here.block, attends)
        places.append(here)
        producers.update(dict.fromkeys(step.outputs, here))
    return places


def _path(name: str, weights: Mapping[str, str]) -> str | None:
    """The path of the weights that an operation of this name computes with."""
    pieces = (_NAME_ENDS.split(part)[0] for part in name.split(";"))
    return next((weights[piece] for piece in pieces if piece in weights), None)


def _block(path: str) -> int | None:
    found = _BLOCK.search(path)
    return int(found.group(1)) if found else None


def _after_backbone(step: OperationStep, producers: Mapping[str, NetworkPlace]) -> bool:
    sources = [producers[name] for name in step.inputs if name in producers]
    return bool(sources) and not any(source.attention for source in sources)


def _is_residual(step: OperationStep, entry: Iterable[str]) -> bool:
    return step.kind == "add" and bool(set(step.inputs) & set(entry))
