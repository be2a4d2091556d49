"""Biases that make up for what a layer of a file is off by on average.

Rounded weights and clipped values shift the mean of a layer's outputs, and a shift is the same in
every position, so that it adds up where noise would cancel. What a layer by itself is off by on
average, in each of its output channels, is taken off its bias in the float graph, and the file is
made again (bias correction; Nagel et al., "Data-free quantization through weight equalization and
bias correction", ICCV 2019, section 4.2, here with the errors that the file itself shows).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import onnx

from edgebench.converters.adjusting.channels import bias_of, copied, set_bias, weighted
from edgebench.converters.file_value import Value, Values
from edgebench.converters.layers import comparable
from edgebench.converters.onnx.cut import Layers, made
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.passes.graph import Graph

# What may stand between a layer and the value that the file holds of it: where it does not clip,
# an error before it is the error after it.
_SHIFTED = frozenset({"Relu", "Clip", "Add", "Identity"})

_FEWEST = 16
"""So many numbers of a channel make a mean of its error."""


def with_corrected_biases(
    model: onnx.ModelProto,
    target: onnx.ModelProto,
    samples: Sequence[Sample],
    file_values: Iterable[Values],
) -> onnx.ModelProto:
    """`target` with biases moved by what the file is off from `model`, layer by layer.

    Both are the same graph; `target` may have rounded weights, and the file was made of it.
    """
    shifts = _Shifts(model)
    found = iter(file_values)
    for sample in samples:
        shifts.add(sample, next(found))
    corrected, graph = copied(target), Graph(target)
    for layer in weighted(target):
        shift, bias = shifts.of(layer.node.output[0]), bias_of(graph, layer)
        if shift is not None and bias is not None and shift.shape == bias.shape:
            set_bias(corrected, layer, np.asarray(bias - shift, np.float32))
    return corrected


class _Shifts:
    """The mean error of each channel of each weighted layer."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self._alone: Layers | None = None
        self._shown: dict[str, str] = {}
        self._sums: dict[str, list[npt.NDArray[np.float64]]] = {}

    def add(self, sample: Sample, there: Values) -> None:
        """Add a sample: what the file holds, by ONNX's names."""
        if self._alone is None:
            self._ports = comparable(self._model, sample, there)
            self._shown = self._shown_by({*self._ports})
            self._alone = Layers(self._model, self._ports, list(self._shown))

        def value(name: str) -> Value:
            one, (dtype, _) = there[name], self._ports[name]
            return Value(np.asarray(one.array, dtype), one.step, one.low, one.high)

        for name, expected in self._alone.run(sample, lambda n: value(n).array).items():
            self._add(self._shown[name], value(name), expected)

    def _add(self, layer: str, found: Value, expected: Array) -> None:
        error = found.array.astype(np.float64) - expected
        # At an end of what an activation lets through an error of the layer does not show.
        low, high = float(expected.min()), float(expected.max())
        inside = (expected > low) & (expected < high) & np.isfinite(error)
        axes = tuple(axis for axis in range(error.ndim) if axis != min(1, error.ndim - 1))
        sums = [np.where(inside, error, 0.0).sum(axes), inside.sum(axes).astype(np.float64)]
        known = self._sums.get(layer)
        if known is not None:
            sums = [a + b for a, b in zip(known, sums, strict=True)]
        self._sums[layer] = sums

    def of(self, layer: str) -> npt.NDArray[np.float64] | None:
        """By how much the output of a layer is off on average, by channel; None where unknown."""
        if layer not in self._sums:
            return None
        total, count = self._sums[layer]
        return np.where(count >= _FEWEST, total / np.maximum(count, 1), 0.0)

    def _shown_by(self, held: set[str]) -> dict[str, str]:
        """The value of the file that shows a layer, and the layer by its own output."""
        graph, found = Graph(self._model), dict[str, str]()
        for layer in weighted(self._model):
            if layer.node.op_type == "MatMul":
                continue
            value = layer.node.output[0]
            while value not in held:
                reader = graph.only_reader(value)
                if reader is None or reader.op_type not in _SHIFTED:
                    break
                value = reader.output[0]
            if value in held and value in made(self._model):
                found[value] = layer.node.output[0]
        return found
