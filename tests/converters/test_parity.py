from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.converters.parity import TOLERANCES, Trial, check, is_classifier
from edgebench.converters.targets import FORMATS
from edgebench.errors import ParityError

INT8 = "onnx->tflite:int8"
Arrays = list[list[np.ndarray]]


def trial(count: int, meaningful: bool = True, outputs: int = 1) -> Trial:
    return Trial([{}] * count, [f"y{i}" for i in range(outputs)], meaningful, classifies=True)


def logits(count: int = 50, seed: int = 0) -> Arrays:
    rng = np.random.default_rng(seed)
    return [[rng.normal(size=(1, 10)).astype(np.float32)] for _ in range(count)]


def with_noise(outputs: Arrays, snr_db: float, seed: int = 1) -> Arrays:
    """The outputs with an error of exactly this SNR over all samples."""
    rng = np.random.default_rng(seed)
    errors = [[rng.normal(size=y.shape) for y in sample] for sample in outputs]
    signal = sum(float(np.square(y).sum()) for sample in outputs for y in sample)
    power = sum(float(np.square(e).sum()) for sample in errors for e in sample)
    gain = math.sqrt(signal / power / 10 ** (snr_db / 10))
    return [
        [y + gain * e for y, e in zip(*pair, strict=True)]
        for pair in zip(outputs, errors, strict=True)
    ]


def test_every_target_has_a_tolerance() -> None:
    for name, form in FORMATS.items():
        assert {f"{name}:{precision}" for precision in form.precisions} <= set(TOLERANCES)


def test_equal_outputs_have_no_error_and_no_finite_snr() -> None:
    hop = check("onnx->onnx:fp32", logits(), logits(), trial(50))
    assert (hop.max_abs_error, hop.snr_db, hop.top1_agreement) == (0.0, None, 1.0)


@given(st.floats(20.5, 90.0))
def test_the_snr_is_the_one_that_was_planted(snr_db: float) -> None:
    hop = check(INT8, logits(), with_noise(logits(), snr_db), trial(50))
    assert hop.snr_db == pytest.approx(snr_db, abs=0.01)


@given(st.floats(1e-6, 1e6))
def test_the_snr_does_not_depend_on_the_unit(unit: float) -> None:
    clean, noisy = logits(), with_noise(logits(), 30.0)
    scaled = check(
        INT8,
        [[y * unit for y in s] for s in clean],
        [[y * unit for y in s] for s in noisy],
        trial(50),
    )
    assert scaled.snr_db == pytest.approx(30.0, abs=0.01)


def test_too_low_an_snr_fails_and_asks_for_the_layer() -> None:
    with pytest.raises(ParityError, match=r"SNR is 5\.0 dB.*conv_7 differs, below 10"):
        check(
            INT8,
            logits(),
            with_noise(logits(), 5.0),
            trial(50),
            lambda sample, snr_db: f"conv_7 differs, below {snr_db:g}",
        )


def test_untrained_weights_are_held_to_the_lower_snr_and_claim_no_agreement() -> None:
    hop = check(INT8, logits(), with_noise(logits(), 5.0), trial(50, meaningful=False))
    assert hop.top1_agreement is None
    assert "untrained" in hop.tolerance


@pytest.mark.parametrize("meaningful", [True, False])
@pytest.mark.parametrize("target", [t for t in TOLERANCES if t != "torch->onnx"])
def test_unrelated_outputs_pass_nowhere(target: str, meaningful: bool) -> None:
    for wrong in (logits(seed=9), [[np.zeros_like(y) for y in s] for s in logits()]):
        with pytest.raises(ParityError):
            check(f"onnx->{target}", logits(), wrong, trial(50, meaningful))


def test_what_float32_cannot_tell_from_zero_is_no_error() -> None:
    silent = [[np.full((1, 10), 1e-9)] for _ in range(50)]
    close = [[y + 1e-7 for y in sample] for sample in silent]
    assert check("onnx->tflite:fp32", silent, close, trial(50)).max_abs_error < 2e-7
    with pytest.raises(ParityError):
        check("onnx->tflite:fp32", silent, [[y + 1e-5 for y in s] for s in silent], trial(50))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_outputs_that_are_not_finite_fail_whatever_the_weights(bad: float) -> None:
    broken = logits()
    broken[3][0][0, 2] = bad
    with pytest.raises(ParityError, match="'y0' holds NaN or infinite"):
        check(INT8, logits(), broken, trial(50, meaningful=False))


def test_outputs_of_another_shape_fail() -> None:
    with pytest.raises(ParityError, match="another shape"):
        check(INT8, logits(), [[y[:, :5] for y in s] for s in logits()], trial(50))


def test_the_worst_of_several_outputs_counts() -> None:
    two = [[a[0], b[0]] for a, b in zip(logits(), logits(seed=2), strict=True)]
    half = [[s[0], n[0]] for s, n in zip(two, with_noise(logits(seed=2), 4.0), strict=True)]
    with pytest.raises(ParityError, match=r"SNR is 4\.0 dB"):
        check(INT8, two, half, trial(50, outputs=2))


def test_classes_that_swap_fail_where_the_snr_does_not_see_it() -> None:
    close = [[np.array([[10.0, 10.01, 0.0]], np.float32)] for _ in range(50)]
    swapped = [[np.array([[10.01, 10.0, 0.0]], np.float32)] for _ in range(50)]
    with pytest.raises(ParityError, match="best class agrees on 0"):
        check(INT8, close, swapped, trial(50))


def test_only_one_output_of_scores_classifies() -> None:
    assert is_classifier([(1, 10)])
    assert not is_classifier([(1, 10), (1, 4)])
    assert not is_classifier([(1, 1)])
    assert not is_classifier([(1, 3, 8, 8)])
