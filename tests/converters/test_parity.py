"""The proof in float32, and the figures of a step."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench import tasks
from edgebench.converters.artifact import Hop
from edgebench.converters.parity import Trial, measure, prove
from edgebench.converters.rounding import ROUNDINGS
from edgebench.converters.targets import FORMATS
from edgebench.errors import ParityError
from edgebench.intervals import share
from edgebench.tasks.task import ModelOutput, Signature

STEP = "onnx->tflite:fp32"
Arrays = list[list[np.ndarray]]


def trial(count: int, meaningful: bool = True, outputs: int = 1, classifies: bool = True) -> Trial:
    names = [f"y{i}" for i in range(outputs)]
    task = None
    if classifies:
        signature = Signature((ModelOutput("y0", (1, 10)),))
        task = tasks.get("classification").assign(signature, {})
    return Trial([{}] * count, names, meaningful, task)


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


def proved(reference: Arrays, outputs: Arrays, asked: Trial, rounding_db: float = math.inf) -> Hop:
    rounding = [rounding_db] * len(asked.outputs)
    explain = "conv_7 differs", "do this"
    return prove(STEP, reference, outputs, asked, lambda: explain, lambda: rounding)


def test_every_precision_says_how_it_rounds() -> None:
    assert set(ROUNDINGS) == {one for form in FORMATS.values() for one in form.precisions}


def test_equal_outputs_have_no_error_and_no_finite_snr() -> None:
    hop = measure(STEP, logits(), logits(), trial(50))
    assert hop is not None
    assert (hop.max_abs_error, hop.snr_db, hop.agreement) == (0.0, None, share(50, 50))


@given(st.floats(-20, 90.0))
def test_the_snr_is_the_one_that_was_planted(snr_db: float) -> None:
    hop = measure(STEP, logits(), with_noise(logits(), snr_db), trial(50))
    assert hop is not None and hop.snr_db == pytest.approx(snr_db, abs=0.01)


@given(st.floats(1e-6, 1e6))
def test_the_snr_does_not_depend_on_the_unit(unit: float) -> None:
    clean, noisy = ([[unit * y for y in s] for s in a] for a in (logits(), with_noise(logits(), 9)))
    hop = measure(STEP, clean, noisy, trial(50))
    assert hop is not None and hop.snr_db == pytest.approx(9.0, abs=0.01)


def test_too_low_an_snr_fails_with_the_explanation() -> None:
    with pytest.raises(
        ParityError, match=r"SNR is 70\.0 dB, required: SNR >= 80 dB.*conv_7"
    ) as told:
        proved(logits(), with_noise(logits(), 70.0), trial(50))
    assert told.value.remedy == "do this"
    proved(logits(), with_noise(logits(), 110.0), trial(50))


def test_an_output_that_rounding_moves_may_be_as_far_off_as_that() -> None:
    hop = proved(logits(), with_noise(logits(), 25.0), trial(50), rounding_db=30.0)
    assert "'y0': SNR >= 20 dB" in hop.tolerance
    for snr_db, rounding_db in ((15.0, 30.0), (25.0, 120.0), (5.0, 3.0)):
        with pytest.raises(ParityError, match="conv_7"):
            proved(logits(), with_noise(logits(), snr_db), trial(50), rounding_db)


def test_numbers_of_classes_have_no_snr() -> None:
    """They are compared for the proof, and the figures are those of the floats beside them."""
    numbers = [[np.array([[3, 5, 7]]), y[0]] for y in logits()]
    others = [[np.array([[3, 5, 6]]), y[0]] for y in with_noise(logits(), 90.0)]
    asked = trial(50, outputs=2, classifies=False)
    hop = measure(STEP, numbers, others, asked)
    assert hop is not None and hop.snr_db == pytest.approx(90.0, abs=0.01)
    with pytest.raises(ParityError, match="SNR is 19"):
        proved(numbers, others, asked)


def test_untrained_weights_are_held_to_the_lower_snr_and_claim_no_agreement() -> None:
    noisy = with_noise(logits(), 70.0)
    proved(logits(), noisy, trial(50, meaningful=False))
    hop = measure(STEP, logits(), noisy, trial(50, meaningful=False))
    assert hop is not None and hop.agreement is None


@pytest.mark.parametrize("meaningful", [True, False])
def test_unrelated_outputs_pass_nowhere(meaningful: bool) -> None:
    for wrong in (logits(seed=9), [[np.zeros_like(y) for y in s] for s in logits()]):
        with pytest.raises(ParityError):
            proved(logits(), wrong, trial(50, meaningful))


def test_what_float32_cannot_tell_from_zero_is_no_error() -> None:
    silent = [[np.full((1, 10), 1e-9)] for _ in range(50)]
    proved(silent, [[y + 1e-7 for y in sample] for sample in silent], trial(50))
    with pytest.raises(ParityError):
        proved(silent, [[y + 1e-5 for y in s] for s in silent], trial(50))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_outputs_that_are_not_finite_fail_whatever_the_weights(bad: float) -> None:
    broken = logits()
    broken[3][0][0, 2] = bad
    with pytest.raises(ParityError, match="'y0' holds NaN or infinite"):
        proved(logits(), broken, trial(50, meaningful=False))
    assert measure(STEP, logits(), broken, trial(50)) is None


def test_an_infinity_of_the_source_is_no_error() -> None:
    masked = logits()
    masked[3][0][0, 2] = -np.inf
    proved(masked, with_noise(logits(), 120.0), trial(50))


def test_outputs_of_another_shape_fail() -> None:
    with pytest.raises(ParityError, match="another shape"):
        proved(logits(), [[y[:, :5] for y in s] for s in logits()], trial(50))


def test_the_worst_of_several_outputs_counts() -> None:
    two = [[a[0], b[0]] for a, b in zip(logits(), logits(seed=2), strict=True)]
    half = [[s[0], n[0]] for s, n in zip(two, with_noise(logits(seed=2), 4.0), strict=True)]
    with pytest.raises(ParityError, match=r"SNR is 4\.0 dB"):
        proved(two, half, trial(50, outputs=2))


def test_an_agreement_knows_its_number_of_samples() -> None:
    clean = [[np.arange(10, dtype=np.float32)[None]] for _ in range(50)]
    swapped = [[y[:, ::-1] for y in clean[0]], *clean[1:]]
    hop = measure(STEP, clean, swapped, trial(50))
    assert hop is not None and hop.agreement == share(49, 50)


def maps(count: int = 8) -> Arrays:
    """Boxes of 0..640 in four channels and scores of 0..1 in two, 30 of each."""
    rng = np.random.default_rng(0)
    scale = np.array([640, 640, 640, 640, 1, 1]).reshape(1, 6, 1)
    return [[(scale * rng.random((1, 6, 30))).astype(np.float32)] for _ in range(count)]


def without_scores(outputs: Arrays) -> Arrays:
    return [[np.concatenate([y[:, :4], 0 * y[:, 4:]], 1) for y in sample] for sample in outputs]


def test_a_part_that_is_gone_is_found_where_the_whole_looks_right() -> None:
    hop = measure(STEP, maps(), without_scores(maps()), trial(8, classifies=False))
    assert hop is not None and hop.snr_db is not None and hop.snr_db > 50
    part = hop.part
    assert part is not None
    assert (part.output, part.axis, part.lost, part.count) == ("y0", 1, 2, 6)
    assert part.index in (4, 5) and part.snr_db == pytest.approx(0, abs=0.01)


def test_a_part_that_is_wrong_fails_in_float32_where_the_whole_is_right() -> None:
    small = [[y * np.array([1, 1, 1, 1, 1e-2, 1e-2]).reshape(1, 6, 1) for y in s] for s in maps()]
    with pytest.raises(ParityError, match=r"SNR of index [45] along axis 1 .* 0\.0 dB"):
        proved(small, without_scores(small), trial(8, classifies=False))


def test_the_parts_of_scores_of_classes_need_not_be_right_by_themselves() -> None:
    found = measure(STEP, logits(), with_noise(logits(), 50), trial(50, meaningful=False))
    assert found is not None and found.part is None
