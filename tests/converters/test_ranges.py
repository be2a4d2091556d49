"""Ranges from observed values, how they are chosen by trial, and data that sets none."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import planted_defects
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.converters.artifact import Manifest, manifest_path
from edgebench.converters.export import calibration_checks
from edgebench.converters.export.export import export
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.precision import METHODS
from edgebench.converters.ranges import Observed, named, parted
from edgebench.converters.targets import expand
from edgebench.documents import load
from edgebench.errors import DataError


def observed(samples: list[np.ndarray]) -> Observed:
    one = Observed()
    for sample in samples:
        one.add(sample.astype(np.float32))
    return one


def test_the_methods_differ_as_they_say() -> None:
    rng = np.random.default_rng(0)
    samples = [rng.standard_normal(500) for _ in range(20)]
    samples[3][7] = 100.0
    one = observed(samples)
    assert one.range("extremes") == (pytest.approx(min(s.min() for s in samples)), 100.0)
    low, high = one.range("average")
    assert high == pytest.approx(np.mean([s.max() for s in samples]), rel=1e-5)
    assert low == pytest.approx(np.mean([s.min() for s in samples]), rel=1e-5)
    every = np.concatenate(samples)
    assert one.range("percentile")[0] == pytest.approx(np.quantile(every, 1e-4), rel=1e-4)


def test_the_range_of_least_error_has_less_of_it_than_the_extremes() -> None:
    rng = np.random.default_rng(0)
    one = observed([rng.laplace(0, 1, 500) for _ in range(400)])
    values = np.concatenate(one.kept).astype(float)

    def squared(low: float, high: float) -> float:
        step = (high - low) / 255
        return float(np.square(np.clip(np.round(values / step) * step, low, high) - values).mean())

    chosen, extremes = one.range("error"), one.range("extremes")
    assert extremes[0] <= chosen[0] and chosen[1] <= extremes[1]
    assert squared(*chosen) < squared(*extremes)


@given(
    st.lists(
        st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=40), min_size=1, max_size=8
    )
)
def test_no_range_goes_beyond_the_extremes(samples: list[list[float]]) -> None:
    one = observed([np.array(sample) for sample in samples])
    low, high = one.range("extremes")
    for method in METHODS:
        start, end = one.range(method)
        slack = 1e-5 * max(1.0, abs(low), abs(high))
        assert low - slack <= start <= end + slack <= high + 2 * slack


def test_what_is_not_finite_has_no_range() -> None:
    assert not observed([np.array([1.0, math.inf])]).finite
    assert not observed([np.array([1.0, math.nan])]).finite
    assert not Observed().finite


def test_names_of_precisions_carry_the_method() -> None:
    for method in METHODS:
        assert parted(named("int8", method)) == ("int8", method)
    assert named("int8", "extremes") == "int8"


@pytest.mark.parametrize("target", ["tflite:int8", "onnx:int8"])
def test_the_best_of_what_was_tried_is_kept_and_told(tmp_path: Path, target: str) -> None:
    source, samples = planted_defects.write(tmp_path, "outliers", images=40)
    targets, _ = expand([target])
    request = ExportRequest(str(source), targets, tmp_path / "out", calibration=str(samples))
    (artifact,) = export(request).artifacts
    calibration = load(manifest_path(artifact.path), Manifest).calibration
    assert calibration is not None
    figures = [one.snr_db for one in calibration.tried]
    assert len(figures) == 3 and figures == sorted(figures, reverse=True)
    assert calibration.ranges == calibration.tried[0].ranges
    by_method = {one.ranges: one.snr_db for one in calibration.tried}
    assert max(figures) >= by_method["extremes"]


def test_a_method_that_is_asked_for_is_not_tried_against_others(tmp_path: Path) -> None:
    source, samples = planted_defects.write(tmp_path, "outliers")
    targets, _ = expand(["onnx:int8"])
    request = ExportRequest(
        str(source), targets, tmp_path / "out", calibration=str(samples), ranges="percentile"
    )
    (artifact,) = export(request).artifacts
    calibration = artifact.manifest.calibration
    assert calibration is not None
    assert (calibration.ranges, calibration.tried) == ("percentile", ())


def test_data_that_cannot_calibrate_is_refused() -> None:
    sound = [{"x": np.random.default_rng(seed).random((1, 4), np.float32)} for seed in range(8)]
    calibration_checks.check(sound, "photos")
    broken = [*sound[:3], {"x": np.array([[1, np.nan, 0, 0]], np.float32)}, *sound[4:]]
    with pytest.raises(DataError, match="sample 4 of photos has NaN"):
        calibration_checks.check(broken, "photos")
    grey = [{"x": np.full((1, 4), 0.5, np.float32)} for _ in range(8)]
    with pytest.raises(DataError, match="one and the same number"):
        calibration_checks.check(grey, "photos")
    tokens = [{"t": np.zeros((1, 4), np.int64)} for _ in range(8)]
    calibration_checks.check(tokens, "texts")  # Whole numbers have no range.


def test_unlike_data_is_told() -> None:
    rng = np.random.default_rng(1)
    usual = [{"x": rng.standard_normal((1, 64)).astype(np.float32)} for _ in range(20)]
    again = [{"x": rng.standard_normal((1, 64)).astype(np.float32)} for _ in range(20)]
    dark = [{"x": one["x"] * 0.2 - 1} for one in usual]
    assert not list(calibration_checks.unlike(usual, again, "photos", "val"))
    (said,) = calibration_checks.unlike(dark, again, "photos", "val")
    assert "'x' has mean -" in said and "in photos" in said and "in val" in said
