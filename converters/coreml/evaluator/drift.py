"""Layer by layer: how far one program's values are from another's of the same network.

Such as a program of float16 or of compressed weights from the one of float32 that it was made of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.converters.coreml.evaluator.program import Array, Program

# What coremltools appends to the names of values that it casts, and to those of dequantised ones.
_SUFFIXES = ("__post__dequant", "_cast_fp16", "_cast_fp32")


@dataclass(frozen=True)
class LayerDrift:
    """How far one value is off, over all samples.

    `snr_db` is 10 log10(sum of squares of the reference / sum of squares of the error), infinite
    where both are equal. `max_abs_error` is in the value's own unit.
    """

    name: str
    op_type: str
    snr_db: float
    max_abs_error: float


def compare(
    reference: Program, program: Program, samples: Sequence[Mapping[str, Array]]
) -> list[LayerDrift]:
    """The drift of every floating value that both programs hold, in the program's sequence.

    Values are matched by name and shape, past what coremltools appends when it casts or quantises;
    what only one of the programs holds is left out, and so are sums `in_steps`. Samples are what
    `Program.run` takes. One sample's values are in memory at a time. Raises `DataError`.
    """
    sums: dict[str, _Sums] = {}
    other_unit = in_steps(reference) | in_steps(program)
    for sample in samples:
        wanted: dict[str, Array] = {}

        def keep(name: str, op_type: str, array: Array, wanted: dict[str, Array] = wanted) -> None:
            if array.dtype.kind == "f":
                wanted[plain(name)] = array

        def measure(
            name: str, op_type: str, array: Array, wanted: dict[str, Array] = wanted
        ) -> None:
            here = wanted.get(plain(name))
            if here is None or here.shape != array.shape or op_type in ("input", "cast"):
                return
            if name in other_unit:
                return
            sums.setdefault(plain(name), _Sums(op_type)).add(here, array)

        reference.trace(sample, keep)
        program.trace(sample, measure)
    return [found.drift(name) for name, found in sums.items()]


def in_steps(program: Program) -> set[str]:
    """The sums that a quantised program holds in steps, not in the network's unit.

    coremltools divides the scales of a sum's operands by one of them, which then is 1.
    """
    whole = {
        operation.outputs[0].name
        for operation in program.operations
        if operation.op_type == "dequantize" and operation.parameters.get("scale") == 1.0
    }
    return {
        operation.outputs[0].name
        for operation in program.operations
        if operation.op_type == "add" and whole & {*operation.inputs["x"], *operation.inputs["y"]}
    }


def plain(name: str) -> str:
    """A value's name without what coremltools appends to it."""
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


@dataclass
class _Sums:
    """What is added up over the samples."""

    op_type: str
    signal: float = 0.0
    noise: float = 0.0
    largest: float = 0.0

    def add(self, wanted: Array, found: Array) -> None:
        here = wanted.astype(np.float64)
        error = found.astype(np.float64) - here
        self.signal += float(np.square(here).sum())
        self.noise += float(np.square(error).sum())
        self.largest = max(self.largest, float(np.abs(error).max(initial=0.0)))

    def drift(self, name: str) -> LayerDrift:
        if self.noise == 0.0:
            snr_db = math.inf
        elif self.signal and math.isfinite(self.noise):
            snr_db = 10 * math.log10(self.signal / self.noise)
        else:
            snr_db = -math.inf
        return LayerDrift(name, self.op_type, snr_db, self.largest)
