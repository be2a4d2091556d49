"""What rounding in float32 does to a model's outputs.

Kernels sum in orders of their own, so that numbers differ in their last bits. Where a model chooses
between nearly equal numbers (the best class of a box that shows nothing, the order of the best
rows) the choice turns out otherwise, and an output is far from the source's though nothing is
wrong. How far, the source itself tells: it is run with inputs and weights moved by as much.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import onnx

from edgebench.converters.onnx import reference
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.rounding import Rounding, rounded
from edgebench.snr import Errors

BITS = 20
"""Float32 keeps 24 bits; sums of a thousand terms lose four. The zoo's models in float32 differ
from their source by 1e-6 of the largest output, which is 2**-20."""


UNSEEN = 3
"""Of choices, such as the class of each pixel, of which none turns out otherwise in one trial, so
many may in another (the rule of three: with 95 % confidence). Each is about as far off as the
output is large, so that of n choices the SNR is that of 3 in n."""


def outputs_db(
    model: onnx.ModelProto, samples: Sequence[Sample], expected: Iterable[Sequence[Array]]
) -> list[float]:
    """The SNR of each output, in dB over all samples, where only rounding changes.

    `expected` are the outputs for the samples.
    """
    moved = (_moved(sample, seed) for seed, sample in enumerate(samples))
    rough = reference.stream(rounded(model, Rounding(weights=BITS)), moved)
    errors = [Errors() for _ in model.graph.output]
    choices = [0] * len(errors)
    for wanted, found in zip(expected, rough, strict=True):
        for index, (a, b) in enumerate(zip(wanted, found, strict=True)):
            keep = np.isfinite(a) & np.isfinite(b)
            errors[index].add(a[keep], b[keep])
            choices[index] += a.size if a.dtype.kind in "iu" else 0
    limits = [10 * math.log10(count / UNSEEN) if count else math.inf for count in choices]
    return [min(sums.decibels, limit) for sums, limit in zip(errors, limits, strict=True)]


def _moved(sample: Sample, seed: int) -> Sample:
    """The sample with floats elsewhere within their step, at random."""
    chance = np.random.default_rng(seed)
    moved = {}
    for name, array in sample.items():
        step = float(np.abs(array).max(initial=0.0)) / (2 ** (BITS - 1) - 1)
        shift = chance.uniform(-0.5, 0.5, array.shape) * step if array.dtype.kind == "f" else 0
        moved[name] = (array + shift).astype(array.dtype)
    return moved
