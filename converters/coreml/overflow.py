"""Which layers need float32 in a float16 program: those whose numbers float16 cannot hold.

A value beyond 65504 becomes infinite in float16, and NaN two layers on. What the layers compute
is looked up in ONNX's own graph over the calibration data; a layer that makes such a value keeps
float32, and so does each that reads it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnx

from edgebench.converters.layers import values
from edgebench.converters.onnx.reference import Array, Sample

LARGEST = float(np.finfo(np.float16).max)
# As many samples are looked at; each needs the memory of every value of the network.
SAMPLES = 16


@dataclass(frozen=True)
class Overflow:
    """A value beyond what float16 can hold: its name, the node that makes it, and its size."""

    value: str
    node: str
    op_type: str
    magnitude: float

    def __str__(self) -> str:
        return f"{self.node} ({self.op_type}) reaches {self.magnitude:.3g}"


def find(model: onnx.ModelProto, samples: Iterable[Sample]) -> tuple[Overflow, ...]:
    """All values of the graph that leave float16's range, in the graph's order."""
    largest: dict[str, float] = {}
    for _, sample in zip(range(SAMPLES), samples, strict=False):
        for name, array in values(model, sample).items():
            largest[name] = max(largest.get(name, 0.0), _magnitude(array))
    return tuple(
        Overflow(name, node.name or name, node.op_type, largest[name])
        for node in model.graph.node
        for name in node.output
        if largest.get(name, 0.0) > LARGEST
    )


def _magnitude(array: Array) -> float:
    """The largest finite magnitude; infinities are the same in every precision."""
    if array.dtype.kind != "f":
        return 0.0
    largest = float(np.abs(array).max(initial=0.0))
    if math.isfinite(largest):
        return largest
    return float(np.abs(array[np.isfinite(array)]).max(initial=0.0))


def layers_to_keep(model: onnx.ModelProto, found: Iterable[Overflow]) -> frozenset[str]:
    """The first outputs of the nodes that make or read one of these values."""
    names = {overflow.value for overflow in found}
    return frozenset(
        node.output[0] for node in model.graph.node if names & {*node.input, *node.output}
    )


def note(found: Iterable[Overflow]) -> str:
    """A sentence for the user."""
    return (
        f"float16 ends at {LARGEST:.0f}: {'; '.join(map(str, found))} on the calibration data; "
        "these layers and what reads them stay in float32"
    )
