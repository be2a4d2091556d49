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
from edgebench.converters.reference import Array, Sample
from edgebench.errors import ParityError

Outputs = Sequence[Sequence[Array]]


@dataclass(frozen=True)
class Tolerance:
    """What a hop must hold. `relative_error` bounds max |error| / max |reference|.

    `top1` is the least share of held-out samples with the same best class, asked of trained
    classifiers only.
    """

    relative_error: float | None
    snr_db: float
    top1: float

    @property
    def text(self) -> str:
        parts = [f"SNR >= {self.snr_db:g} dB", f"top-1 agreement >= {self.top1:.0%} if trained"]
        if self.relative_error is not None:
            parts.insert(0, f"max error <= {self.relative_error:g} of the largest output")
        return ", ".join(parts)


TOLERANCES: dict[str, Tolerance] = {
    "torch->onnx": Tolerance(1e-3, 60.0, 0.99),
    "onnx:fp32": Tolerance(0.0, math.inf, 1.0),
    "tflite:fp32": Tolerance(1e-3, 60.0, 0.99),
    "tflite:fp16": Tolerance(2e-2, 40.0, 0.97),
    "tflite:dynamic": Tolerance(None, 15.0, 0.85),
    "tflite:int8": Tolerance(None, 10.0, 0.80),
    "tflite:int8f": Tolerance(None, 10.0, 0.80),
    "tflite:int16x8": Tolerance(None, 15.0, 0.85),
}


def check(
    step: str,
    reference: Outputs,
    outputs: Outputs,
    names: Sequence[str],
    classifies: bool,
    explain: Callable[[Sample], str] = lambda sample: "",
    samples: Sequence[Sample] = (),
) -> Hop:
    """Compare the outputs, sample by sample, and give the hop's figures.

    `names` are the outputs'. `classifies` says that the best class of the first output means
    something. `explain` is asked only after a failure and names the first layer that differs.
    Raises `ParityError`.
    """
    tolerance = TOLERANCES[step.removeprefix("onnx->")]
    figures = [_measure(reference, outputs, i) for i in range(len(names))]
    worst = max(figure.absolute for figure in figures)
    relative = max(figure.absolute / figure.largest for figure in figures)
    snr = min(figure.snr_db for figure in figures)
    agreement = _agreement(reference, outputs) if classifies else None
    failure = ""
    if not math.isfinite(worst):
        name = next(n for n, f in zip(names, figures, strict=True) if not math.isfinite(f.absolute))
        failure = f"its output '{name}' holds NaN or infinite values, or is of another shape"
    elif tolerance.relative_error is not None and relative > tolerance.relative_error:
        failure = f"the largest error is {relative:.2g} of the largest output"
    elif snr < tolerance.snr_db:
        failure = f"the signal-to-noise ratio is {snr:.1f} dB"
    elif agreement is not None and agreement < tolerance.top1:
        failure = f"the best class agrees on {agreement:.1%} of the samples"
    if failure:
        layer = explain(samples[0]) if samples else ""
        raise ParityError(
            f"{step} does not hold ({tolerance.text}): {failure}" + (f"; {layer}" if layer else ""),
            "nothing was written; leave this target out, and report the model",
        )
    return Hop(
        step=step,
        samples=len(reference),
        max_abs_error=worst,
        snr_db=snr if math.isfinite(snr) else None,
        top1_agreement=agreement,
        tolerance=tolerance.text,
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
