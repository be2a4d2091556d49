"""Layer by layer: how far each value of a converted file is off, by itself and in all.

A layer's own error is that of what the file computes beside what ONNX computes from the file's own
inputs of the layer; so it holds nothing that came from before. What rounding may do to the layer is
measured likewise: its inputs are moved within the file's steps, and its weights are rounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from edgebench.converters.onnx.reference import Array, Sample, session
from edgebench.converters.rounding import Rounding, rounded
from edgebench.snr import Errors, decibels

# Measured in November 2026 over the trained models of the zoo: in every format and precision the
# own error of a layer is that of its rounding within 3 dB, but for the first convolutions that NNCF
# corrects the biases of (7 dB) and the half-precision HardSwish of ONNX Runtime and Core ML (5 dB).
# A wrong axis, pad or activation leaves 3 dB and less.
MARGIN_DB = 10.0
"""How far the own error of a right layer may exceed what its rounding does."""

EXACT_DB = 60.0
"""A layer with this SNR by itself is right whatever its rounding does."""

NEGLIGIBLE = 1e-6
"""An error that is none, in the value's own unit: float32 next to one is no more exact."""

_FILE = "@file"


@dataclass(frozen=True)
class Value:
    """A value as a file holds it: real numbers, in ONNX's order of axes.

    `step` is the distance of the neighbouring numbers that the file can hold there, 0 for float32,
    and `low` and `high` their range; all three broadcast to the array.
    """

    array: Array
    step: Array | float = 0.0
    low: Array | float = -math.inf
    high: Array | float = math.inf


Values = Mapping[str, Value]


def half(array: Array) -> Value:
    """A value in half precision."""
    with np.errstate(over="ignore", invalid="ignore"):
        step = np.spacing(np.abs(array.astype(np.float16))).astype(np.float32)
    return Value(array, np.where(np.isfinite(step), step, 0.0))


@dataclass(frozen=True)
class Layer:
    """How far one ONNX value is off in a file, as SNRs in dB over all samples.

    `own_db` is the layer's by itself, `rounding_db` what rounding may do to it, and `total_db` is
    beside the ONNX graph, with `max_abs_error` in the value's own unit.
    """

    value: str
    node: str
    op_type: str
    own_db: float
    rounding_db: float
    total_db: float
    max_abs_error: float

    @property
    def right(self) -> bool:
        return self.own_db >= min(EXACT_DB, self.rounding_db - MARGIN_DB)

    def __str__(self) -> str:
        return f"{self.node or self.value} ({self.op_type}), at {self.own_db:.1f} dB"


def first_wrong(layers: Iterable[Layer]) -> Layer | None:
    return next((layer for layer in layers if not layer.right), None)


def first_difference(layers: Sequence[Layer]) -> str:
    """A clause that names the first layer that is wrong; the worst where all are right."""
    if not layers:
        return "no layer of it can be compared by itself"
    wrong = first_wrong(layers)
    if wrong is not None:
        return f"the first layer that differs is {wrong}"
    return f"no layer differs by itself, the worst is {min(layers, key=lambda one: one.own_db)}"


def values(model: onnx.ModelProto, sample: Sample) -> dict[str, Array]:
    """Every value that the nodes of an ONNX graph compute, by name, in the graph's order."""
    names = _made(model)
    return dict(zip(names, _watched(model, names).run(names, dict(sample)), strict=True))


def compare(
    model: onnx.ModelProto,
    samples: Sequence[Sample],
    file_values: Iterable[Values],
    rounding: Rounding,
) -> list[Layer]:
    """All floating values that a file holds as the graph has them, in the graph's order.

    `file_values` are the file's by ONNX's names, inputs included, for each of the samples. A value
    that it has in another shape, or not at all, is left out: it is part of the layer that reads it.
    """
    names = _made(model)
    whole = _watched(model, names)
    alone = shaken = None
    sums: dict[str, _Sums] = {}
    for seed, (sample, there) in enumerate(zip(samples, file_values, strict=True)):
        wanted = dict(zip(names, whole.run(names, dict(sample)), strict=True))
        found = _comparable(there, {**sample, **wanted})
        known = [name for name in names if name in found]
        if not known:
            return []
        if alone is None or shaken is None:
            alone = _cut(model, found, known)
            shaken = _cut(rounded(model, rounding), found, known)
        fed = {name: one.array for name, one in found.items()}
        moved = {name: _moved(one, rounding, seed) for name, one in found.items()}
        expected = _run(alone, known, sample, fed)
        rough = _run(shaken, known, sample, moved)
        for name in known:
            sums.setdefault(name, _Sums()).add(
                wanted[name], found[name], expected[name], rough[name]
            )
    nodes = {name: node for node in model.graph.node for name in node.output}
    return [sums[name].layer(name, nodes[name]) for name in names if name in sums]


def _made(model: onnx.ModelProto) -> list[str]:
    return [name for node in model.graph.node for name in node.output if name]


def _watched(model: onnx.ModelProto, names: Sequence[str]) -> onnxruntime.InferenceSession:
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    known = {info.name for info in model.graph.output}
    watched.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in known)
    return session(watched)


def _comparable(found: Values, wanted: Mapping[str, Array]) -> dict[str, Value]:
    fitting = {
        name: one
        for name, one in found.items()
        if name in wanted
        and wanted[name].dtype.kind == "f"
        and wanted[name].shape == one.array.shape
    }
    return {
        name: Value(np.asarray(one.array, wanted[name].dtype), one.step, one.low, one.high)
        for name, one in fitting.items()
    }


def _cut(
    model: onnx.ModelProto, found: Values, known: Sequence[str]
) -> onnxruntime.InferenceSession:
    """The graph where every layer reads values of the file, which become inputs."""
    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    for node in cut.graph.node:
        for index, name in enumerate(node.input):
            if name in found:
                node.input[index] = name + _FILE
    read = {name for node in cut.graph.node for name in node.input}
    del cut.graph.output[:]
    cut.graph.output.extend(onnx.ValueInfoProto(name=name) for name in known)
    for name, one in found.items():
        if name + _FILE in read:
            kind = helper.np_dtype_to_tensor_dtype(one.array.dtype)
            info = helper.make_tensor_value_info(name + _FILE, kind, one.array.shape)
            cut.graph.input.append(info)
    return session(cut)


def _run(
    opened: onnxruntime.InferenceSession,
    known: Sequence[str],
    sample: Sample,
    fed: Mapping[str, Array],
) -> dict[str, Array]:
    given = {**sample, **{name + _FILE: array for name, array in fed.items()}}
    feed = {port.name: given[port.name] for port in opened.get_inputs()}
    return dict(zip(known, opened.run(list(known), feed), strict=True))


def _moved(one: Value, rounding: Rounding, seed: int) -> Array:
    """The value elsewhere within its step, at random."""
    step = np.asarray(one.step, np.float64)
    if rounding.activations is not None:
        largest = float(np.abs(one.array).max(initial=0.0))
        step = np.maximum(step, largest / (2 ** (rounding.activations - 1) - 1))
    if not step.any():
        return one.array
    shift = np.random.default_rng(seed).uniform(-0.5, 0.5, one.array.shape) * step
    return np.asarray(one.array + shift, one.array.dtype)


@dataclass
class _Sums:
    """What is added up over the samples."""

    own: Errors = field(default_factory=Errors)
    total: Errors = field(default_factory=Errors)
    rounding: float = 0.0
    largest: float = 0.0

    def add(self, wanted: Array, found: Value, expected: Array, rough: Array) -> None:
        """Values of ONNX, of the file, of the layer by itself, and of it with rounding."""
        there = found.array
        keep = _compared(expected, there)
        low, high = (np.broadcast_to(each, there.shape)[keep] for each in (found.low, found.high))
        clipped = np.clip(expected[keep], low, high)
        step = np.broadcast_to(np.maximum(found.step, NEGLIGIBLE), there.shape)[keep]
        with np.errstate(invalid="ignore", over="ignore"):
            self.own.add(clipped, there[keep])
            moved = np.clip(rough[keep], low, high).astype(np.float64) - clipped
            self.rounding += float(
                (np.square(moved) + np.square(step, dtype=np.float64) / 12).sum()
            )
            keep = _compared(wanted, there)
            self.total.add(wanted[keep], there[keep])
            error = np.abs(there[keep].astype(np.float64) - wanted[keep])
        self.largest = max(self.largest, float(error.max(initial=0.0)))

    def layer(self, value: str, node: onnx.NodeProto) -> Layer:
        return Layer(
            value=value,
            node=node.name,
            op_type=node.op_type,
            own_db=self.own.decibels,
            rounding_db=decibels(self.own.signal, self.rounding),
            total_db=self.total.decibels,
            max_abs_error=self.largest,
        )


def _compared(wanted: Array, found: Array) -> Array:
    """All elements but those where both have the same infinity, or NaN."""
    same = (wanted == found) | (np.isnan(wanted) & np.isnan(found))
    return np.asarray(np.isfinite(wanted) | ~same)
