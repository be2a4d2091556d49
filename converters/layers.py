"""Layer by layer: how far each value of a converted file is off, by itself and in all.

A layer's own error is that of what the file computes beside what ONNX computes from the file's own
inputs of the layer; so it holds nothing that came from before. What rounding may do to the layer is
measured likewise: its inputs are moved within the file's steps, and its weights are rounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from scipy.special import chdtri

from edgebench.converters.file_value import Noise, Value, Values
from edgebench.converters.lowering.shapes import static_shapes
from edgebench.converters.onnx.cut import Layers, Ports, Watched, made
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.rounding import BIASED, Rounding, rounded
from edgebench.snr import Errors, decibels

# Measured in November 2026 over the trained models of the zoo: in every format and precision the
# own error of a layer is that of its rounding within 3 dB, but for the half-precision HardSwish of
# ONNX Runtime and Core ML (5 dB). A wrong axis, pad or activation leaves 3 dB and less.
MARGIN_DB = 10.0
"""How far the own error of a right layer may exceed what its rounding does."""

# What right layers of many numbers were off at most, and how rarely a right layer of few may fail.
_OFF_DB, _RARE = 5.0, 1e-5

# NNCF adds to a bias what the outputs are off on average over its calibration data. On other data
# that is an error of its own: 7 dB in first convolutions, 13.5 dB in a late one on two channels.
CORRECTED_MARGIN_DB = 20.0
"""The same of a layer whose bias the quantiser moved."""

EXACT_DB = 60.0
"""A layer with this SNR by itself is right whatever its rounding does."""

NEGLIGIBLE = 1e-6
"""An error that is none, in the value's own unit: float32 next to one is no more exact."""

_HELD_BYTES = 100_000_000

# Elements compared at once: what is made of so many stays in a processor's cache.
_BLOCK = 1 << 15


@dataclass(frozen=True)
class Layer:
    """How far one ONNX value is off in a file, as SNRs in dB over all samples.

    `own_db` is the layer's by itself, with `own_error` the largest in the value's own unit, and
    `rounding_db` what rounding may do to it. `total_db` and `max_abs_error` are beside the ONNX
    graph, None where that was not asked for. Of a right layer `own_db` is at most `margin_db` below
    `rounding_db`.
    """

    value: str
    node: str
    op_type: str
    own_db: float
    own_error: float
    rounding_db: float
    total_db: float | None
    max_abs_error: float | None
    margin_db: float = MARGIN_DB

    @property
    def right(self) -> bool:
        return self.own_db >= min(EXACT_DB, self.rounding_db - self.margin_db)

    def __str__(self) -> str:
        return f"{self.node or self.value} ({self.op_type}), at {self.own_db:.1f} dB"


def margin_db(size: int) -> float:
    """The margin of a layer of so many numbers: few are off by more than their mean now and then.

    The mean of n squares of normal numbers is that of chi-squared with n degrees of freedom.
    """
    chance = 10 * math.log10(chdtri(size, _RARE) / size) if size else 0.0
    return max(MARGIN_DB, _OFF_DB + chance)


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
    return Watched(model).values(made(model), sample)


def compare(
    model: onnx.ModelProto,
    samples: Sequence[Sample],
    file_values: Iterable[Values],
    rounding: Rounding,
    totals: bool = True,
    held: int = _HELD_BYTES,
) -> list[Layer]:
    """All floating values that a file holds as the graph has them, in the graph's order.

    `file_values` are the file's by ONNX's names, inputs included, for each of the samples. A value
    that it has in another shape, or not at all, is left out: it is part of the layer that reads it.
    `totals` says whether the errors that add up from layer to layer are measured too; it takes half
    as long again. Beside one sample's values of the file, about `held` bytes of the graph's are in
    memory at once.
    """
    whole = Watched(model) if totals else None
    coarse = rounded(model, rounding)
    windows: list[_Window] = []
    found = iter(file_values)
    for seed, sample in enumerate(samples):
        there = next(found)
        if not windows:
            parts = list(_parts(made(model), there, held))
            ports = comparable(model, sample, there)
            known = [[name for name in part if name in ports] for part in parts]
            windows = [_Window(model, coarse, ports, names) for names in known if names]
        noise = Noise(rounding, seed)
        for window in windows:
            window.add(whole, sample, there, noise)
        del there  # Before the next, or the values of two samples are in memory.
    nodes = {name: node for node in model.graph.node for name in node.output}
    sums = ((name, one) for window in windows for name, one in window.sums.items())
    corrected = BIASED if rounding.biases_corrected else frozenset[str]()
    return [one.layer(name, nodes[name], nodes[name].op_type in corrected) for name, one in sums]


def _parts(names: Iterable[str], found: Values, held: int) -> Iterator[list[str]]:
    """The names of what the file holds, in the graph's order, in parts of so many bytes."""
    part: list[str] = []
    size = 0
    for name in names:
        if name in found:
            part.append(name)
            size += found[name].array.nbytes
            if size > held:
                yield part
                part, size = [], 0
    if part:
        yield part


def comparable(model: onnx.ModelProto, sample: Sample, found: Values) -> Ports:
    """The floating values, inputs too, that the file has in the graph's shape."""
    ports = {name: (dtype, shape) for name, (shape, dtype) in static_shapes(model).items()}
    if unknown := [name for name in made(model) if name in found and name not in ports]:
        computed = Watched(model).values(unknown, sample)
        ports |= {name: (array.dtype, array.shape) for name, array in computed.items()}
    return {
        name: (dtype, shape)
        for name, (dtype, shape) in ports.items()
        if dtype.kind == "f" and name in found and shape == found[name].array.shape
    }


class _Window:
    """Some values of the graph that are compared together."""

    def __init__(
        self, model: onnx.ModelProto, coarse: onnx.ModelProto, ports: Ports, names: Sequence[str]
    ) -> None:
        self._ports = ports
        self.sums = {name: _Sums() for name in names}
        self._alone = Layers(model, ports, names)
        self._shaken = Layers(coarse, ports, names)

    def add(self, whole: Watched | None, sample: Sample, found: Values, noise: Noise) -> None:
        def value(name: str) -> Value:
            one, (dtype, _) = found[name], self._ports[name]
            return Value(np.asarray(one.array, dtype), one.step, one.low, one.high)

        wanted = whole.values(list(self.sums), sample) if whole else {}
        expected = self._alone.run(sample, lambda name: value(name).array)
        rough = self._shaken.run(sample, lambda name: noise.moved(value(name)))
        for name, sums in self.sums.items():
            sums.add(value(name), expected[name], rough[name])
            if whole:
                sums.add_total(value(name), wanted[name])


@dataclass
class _Sums:
    """What is added up over the samples."""

    own: Errors = field(default_factory=Errors)
    total: Errors | None = None
    rounding: float = 0.0
    size: int = 0

    def add(self, found: Value, expected: Array, rough: Array) -> None:
        """Values of the file, of the layer by itself, and of it with rounding."""
        shape, self.size = found.array.shape, found.array.size
        arrays = [np.ravel(one) for one in (found.array, expected, rough)]
        arrays += [_flat(one, shape) for one in (found.step, found.low, found.high)]
        for part in _blocks(self.size):
            self._add_block(*(one[part] if one.ndim else one for one in arrays))

    def add_total(self, found: Value, wanted: Array) -> None:
        """Values of the file and of the ONNX graph."""
        self.total = self.total or Errors()
        there, right = np.ravel(found.array), np.ravel(wanted)
        for part in _blocks(there.size):
            keep = _compared(right[part], there[part])
            with np.errstate(invalid="ignore", over="ignore"):
                self.total.add(right[part][keep], there[part][keep])

    def _add_block(
        self,
        there: Array,
        expected: Array,
        rough: Array,
        step: Array,
        low: Array,
        high: Array,
    ) -> None:
        keep = _compared(expected, there)
        step, low, high = (one[keep] if one.ndim else one for one in (step, low, high))
        clipped = np.clip(expected[keep], low, high)
        with np.errstate(invalid="ignore", over="ignore"):
            self.own.add(clipped, np.clip(there[keep], low, high))
            steps = np.square(np.maximum(step, NEGLIGIBLE), dtype=np.float64) / 12
            self.rounding += float(steps.sum() if steps.ndim else steps * clipped.size)
            moved = np.subtract(np.clip(rough[keep], low, high), clipped, dtype=np.float64)
            self.rounding += float(np.vdot(moved, moved))

    def layer(self, value: str, node: onnx.NodeProto, corrected: bool) -> Layer:
        return Layer(
            value=value,
            node=node.name,
            op_type=node.op_type,
            own_db=self.own.decibels,
            own_error=self.own.largest_error,
            rounding_db=decibels(self.own.signal, self.rounding),
            total_db=self.total.decibels if self.total else None,
            max_abs_error=self.total.largest_error if self.total else None,
            margin_db=CORRECTED_MARGIN_DB if corrected else margin_db(self.size),
        )


def _blocks(size: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, size, _BLOCK))


def _flat(values: Array | float, shape: tuple[int, ...]) -> Array:
    """One number for all elements as it is, others for each element in sequence."""
    array = np.asarray(values)
    return array.reshape(()) if array.size == 1 else np.ravel(np.broadcast_to(array, shape))


def _compared(wanted: Array, found: Array) -> Array | slice:
    """All elements but those where both have the same infinity, or NaN."""
    finite = np.isfinite(wanted)
    if finite.all():
        return slice(None)
    same = (wanted == found) | (np.isnan(wanted) & np.isnan(found))
    return np.asarray(finite | ~same)
