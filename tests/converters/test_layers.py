"""Which layers are right: what their rounding explains, and no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tiny_models import tiny_cnn

from edgebench.converters import layers
from edgebench.converters.file_value import Value
from edgebench.converters.layers import Layer
from edgebench.converters.onnx import reference
from edgebench.converters.rounding import ROUNDINGS


def convolution(offset: float, corrected: bool) -> Layer:
    """The layer of a convolution whose values in the file are all off by `offset` of their RMS."""
    model = tiny_cnn()
    sample = reference.noise(model, 0)
    there = {
        name: Value(array) for name, array in {**sample, **layers.values(model, sample)}.items()
    }
    (output,) = next(node for node in model.graph.node if node.name == "the_conv").output
    array = there[output].array
    there[output] = Value(array + np.float32(offset) * np.sqrt(np.mean(np.square(array))))
    rounding = replace(ROUNDINGS["int8"], biases_corrected=corrected)
    found = layers.compare(model, [sample], [there], rounding)
    return next(one for one in found if one.value == output)


def test_a_bias_that_the_quantiser_moved_is_no_fault() -> None:
    offset = 0.02  # 34 dB; int8 weights alone explain about 46 dB.
    assert convolution(offset, corrected=True).right
    assert not convolution(offset, corrected=False).right


def test_a_wrong_layer_is_wrong_whatever_the_quantiser_moves() -> None:
    assert not convolution(0.7, corrected=True).right


def test_few_numbers_may_be_off_by_more_than_many() -> None:
    margins = [layers.margin_db(size) for size in (1, 2, 8, 1000)]
    assert margins == sorted(margins, reverse=True)
    assert margins[-1] == layers.MARGIN_DB
    rng = np.random.default_rng(0)
    for size, margin in zip((1, 2, 8), margins, strict=False):
        power = np.square(rng.standard_normal((20_000, size))).mean(1)
        assert np.mean(10 * np.log10(power) > margin - 5) < 1e-4
