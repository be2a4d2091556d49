"""Whether a converted model computes what its source computes: figures and explicit tolerances.

A hop's figures are those of its worst output over all samples. The signal-to-noise ratio is
10 log10(sum of squares of the reference / sum of squares of the error); its range is that of the
reference, never of the output under test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.converters.artifact import Hop
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.errors import ParityError

Outputs = Sequence[Sequence[Array]]


@dataclass(frozen=True)
class Tolerance:
    """What a hop must hold.

    `relative_error` bounds max |error| / max |reference| and `snr_db` the ratio from below, over
    inputs that the model was trained for. `noise_snr_db` takes the place of both where weights or
    inputs mean nothing: a network that has learnt nothing amplifies rounding, block by block, so
    that the same errors end up larger. `top1` is the least share of held-out inputs with the same
    best class, asked only where a class means something. Errors up to `negligible`, in the outputs'
    own unit, are none: a probability next to zero is only as exact as float32 is next to one.
    """

    relative_error: float
    snr_db: float
    noise_snr_db: float
    top1: float
    negligible: float = 0.0

    def text(self, meaningful: bool, classifies: bool) -> str:
        if not meaningful:
            return f"SNR >= {self.noise_snr_db:g} dB (untrained weights or noise as input)"
        parts = [f"SNR >= {self.snr_db:g} dB"]
        if math.isfinite(self.relative_error):
            parts.insert(0, f"max error <= {self.relative_error:g} of the largest output")
        if classifies:
            parts.append(f"top-1 agreement >= {self.top1:.0%}")
        return ", ".join(parts)


# Measured in November 2026 over the zoo (trained: the digit scenes' models on 256 held-out scenes;
# noise: untrained MobileNetV2 with every attention at 224x224), the worst figure of each:
#
#                     trained: relative error, SNR, top-1       noise: SNR
#   torch->onnx              1e-6      124 dB    1.00              73 dB
#   tflite:fp32              1e-6      123 dB    1.00              73 dB
#   tflite:fp16              1e-3       60 dB    1.00              14 dB
#   tflite:dynamic           0.02       37 dB    1.00             7.8 dB
#   tflite:int16x8           0.04       35 dB    0.99             7.3 dB
#   tflite:int8, int8f       0.09       25 dB    0.96             0.8 dB (triplet; the next is 6.9)
#   onnx:fp32                2e-6      125 dB    1.00              85 dB
#   onnx:fp16                4e-3       56 dB    1.00              26 dB
#   onnx:int8                0.11       21 dB    0.96             7.3 dB
#   openvino:fp32            1e-6      124 dB    1.00              85 dB
#   openvino:fp16            4e-3       56 dB    1.00              26 dB
#   openvino:int8            0.23       22 dB    0.94             7.9 dB
#   coreml:fp32              5e-7      129 dB    1.00
#   coreml:fp16              2e-3       55 dB    1.00
#   coreml:int8w             0.02       37 dB    1.00
#   coreml:palettized6       0.05       25 dB    0.96
#   coreml:w8a8              0.11       24 dB    0.96
#   coreml:palettized4       0.42       11 dB    0.88
#
# (noise for ONNX and OpenVINO: the plain MobileNetV2, CBAM, coordinate and triplet attention.
# Core ML, in the MIL evaluator: the plain network and coordinate attention on 48 scenes; those of
# int8w, palettized6 and fp32 are of the plain network alone.)
#
# In half precision a single output says little: of the steep edges in a text detector's map of
# 102,400 pixels the worst was off by 0.17 where the whole map held 45 dB. The bound is the SNR's.
#
# Other networks came within 1.2e-4 and 95 dB in fp32 (a text recogniser with attention), 40 dB
# in fp16, 12 dB in int8 (a detector with boxes and scores on one scale). Each bound leaves room for
# such, and stays above what a wrong axis, pad or activation leaves: unrelated outputs of equal
# power have -3 dB, zeros 0 dB. On untrained weights the int8 bound says no more than that: it is
# the fp32 hop, over the same lowering, that finds faults there.
TOLERANCES: dict[str, Tolerance] = {
    "coreml:fp32": Tolerance(1e-3, 80.0, 60.0, 0.99, negligible=1e-6),
    "coreml:fp16": Tolerance(math.inf, 30.0, 10.0, 0.97),
    "coreml:int8w": Tolerance(math.inf, 20.0, 5.0, 0.90),
    "coreml:w8a8": Tolerance(math.inf, 10.0, 0.5, 0.80),
    "coreml:palettized4": Tolerance(math.inf, 5.0, 0.5, 0.70),
    "coreml:palettized6": Tolerance(math.inf, 20.0, 5.0, 0.90),
    "torch->onnx": Tolerance(1e-3, 80.0, 60.0, 0.99, negligible=1e-6),
    "onnx:fp32": Tolerance(1e-3, 80.0, 60.0, 0.99, negligible=1e-6),
    "onnx:fp16": Tolerance(math.inf, 30.0, 10.0, 0.97),
    "onnx:int8": Tolerance(math.inf, 10.0, 3.0, 0.80),
    "onnx:int8r": Tolerance(math.inf, 10.0, 3.0, 0.80),
    "openvino:fp32": Tolerance(1e-3, 80.0, 60.0, 0.99, negligible=1e-6),
    "openvino:fp16": Tolerance(math.inf, 30.0, 10.0, 0.97),
    "openvino:int8": Tolerance(math.inf, 10.0, 3.0, 0.80),
    "openvino:int8r": Tolerance(math.inf, 10.0, 3.0, 0.80),
    "tflite:fp32": Tolerance(1e-3, 80.0, 60.0, 0.99, negligible=1e-6),
    "tflite:fp16": Tolerance(math.inf, 30.0, 10.0, 0.97),
    "tflite:dynamic": Tolerance(math.inf, 20.0, 5.0, 0.90),
    "tflite:int8": Tolerance(math.inf, 10.0, 0.5, 0.80),
    "tflite:int8f": Tolerance(math.inf, 10.0, 0.5, 0.80),
    "tflite:int16x8": Tolerance(math.inf, 20.0, 5.0, 0.90),
}


@dataclass(frozen=True)
class Trial:
    """The inputs of a comparison, and what may be read off its outputs.

    `meaningful` says that the model was trained for such inputs, `classifies` that it is then a
    class that its one output scores.
    """

    samples: Sequence[Sample]
    outputs: Sequence[str]
    meaningful: bool
    classifies: bool


def measure(
    step: str, reference: Outputs, outputs: Outputs, trial: Trial, tolerance: str = ""
) -> Hop | None:
    """How far some outputs are from a reference; None where they are not finite or misshapen."""
    figures = [_measure(reference, outputs, i) for i in range(len(trial.outputs))]
    absolute = max(figure.absolute for figure in figures)
    snr_db = min(figure.snr_db for figure in figures)
    if not math.isfinite(absolute) or snr_db == -math.inf:
        return None
    agreement = _agreement(reference, outputs) if trial.meaningful and trial.classifies else None
    return Hop(
        step=step,
        samples=len(reference),
        max_abs_error=absolute,
        snr_db=snr_db if math.isfinite(snr_db) else None,
        top1_agreement=agreement,
        tolerance=tolerance,
    )


def check(
    step: str,
    reference: Outputs,
    outputs: Outputs,
    trial: Trial,
    explain: Callable[[Sample, float], str] = lambda sample, snr_db: "",
) -> Hop:
    """Compare the outputs of one step with its source's, sample by sample.

    `explain` is asked only after a failure, with a sample and the SNR that was wanted, and names
    the first layer that differs. Raises `ParityError`.
    """
    tolerance = TOLERANCES[step.removeprefix("onnx->")]
    figures = [_measure(reference, outputs, i) for i in range(len(trial.outputs))]
    absolute = max(figure.absolute for figure in figures)
    relative = max(figure.absolute / figure.largest for figure in figures)
    snr_db = min(figure.snr_db for figure in figures)
    agreement = _agreement(reference, outputs) if trial.meaningful and trial.classifies else None
    floor = tolerance.snr_db if trial.meaningful else tolerance.noise_snr_db
    failure = ""
    if not math.isfinite(absolute):
        bad = (n for n, f in zip(trial.outputs, figures, strict=True) if f.absolute == math.inf)
        failure = f"its output '{next(bad)}' holds NaN or infinite values, or has another shape"
    elif absolute <= tolerance.negligible:
        pass
    elif snr_db < floor:
        failure = f"the SNR is {snr_db:.1f} dB"
    elif trial.meaningful and relative > tolerance.relative_error:
        failure = f"the largest error is {relative:.2g} of the largest output"
    elif agreement is not None and agreement < tolerance.top1:
        failure = f"the best class agrees on {agreement:.1%} of the samples"
    wanted = tolerance.text(trial.meaningful, agreement is not None)
    if failure:
        layer = explain(trial.samples[0], floor)
        raise ParityError(
            f"{step} does not compute what it should: {failure}, wanted is {wanted}"
            + (f"; {layer}" if layer else ""),
            "nothing was written; calibrate with inputs such as the model will see (--calibration, "
            "--mean, --std), or choose another precision",
        )
    return Hop(
        step=step,
        samples=len(reference),
        max_abs_error=absolute,
        snr_db=snr_db if math.isfinite(snr_db) else None,
        top1_agreement=agreement,
        tolerance=wanted,
    )


def is_classifier(outputs: Sequence[tuple[int, ...]]) -> bool:
    """Whether the outputs' shapes are those of a classifier: one of (N, classes)."""
    return len(outputs) == 1 and len(outputs[0]) == 2 and outputs[0][1] > 1


@dataclass(frozen=True)
class _Error:
    absolute: float
    largest: float
    snr_db: float


def _measure(reference: Outputs, outputs: Outputs, index: int) -> _Error:
    signal = error = absolute = largest = 0.0
    for wanted, found in zip(reference, outputs, strict=True):
        a, b = (np.asarray(x[index], np.float64) for x in (wanted, found))
        if a.shape != b.shape:
            return _Error(math.inf, 1.0, -math.inf)
        keep = np.isfinite(a)
        a, b = a[keep], b[keep]
        if not np.isfinite(b).all():
            return _Error(math.inf, 1.0, -math.inf)
        absolute = max(absolute, float(np.abs(a - b).max(initial=0.0)))
        largest = max(largest, float(np.abs(a).max(initial=0.0)))
        signal += float(np.square(a).sum())
        error += float(np.square(a - b).sum())
    if error == 0.0:
        return _Error(absolute, largest or 1.0, math.inf)
    snr_db = 10 * math.log10(signal / error) if signal else -math.inf
    return _Error(absolute, largest or 1.0, snr_db)


def _agreement(reference: Outputs, outputs: Outputs) -> float:
    same = [
        (np.argmax(wanted[0], -1) == np.argmax(found[0], -1)).mean()
        for wanted, found in zip(reference, outputs, strict=True)
    ]
    return float(np.mean(same))


def _fail(step: str, what: str, explain: Callable[[], str]) -> None:
    raise ParityError(
        f"{step}: {what}; {explain()}",
        "nothing was written; report the model, or leave this target out",
    )
