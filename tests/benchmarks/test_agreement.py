"""The comparison with the runtimes' own benchmarks, up to where its figures can be judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.benchmarks.proof import agreement
from edgebench.errors import UsageError


def test_the_ratio_is_ours_over_the_peers_with_its_interval() -> None:
    pairs = [(0.0101 + 0.0001 * number, 0.0100) for number in range(6)]
    ratio, low, high = (float(word.strip("[],")) for word in agreement.ratio(pairs).split())
    assert ratio == pytest.approx(1.035, abs=1e-3)
    assert (low, high) == pytest.approx((1.01, 1.06), abs=1e-3)


def test_our_times_are_those_of_a_run(toys: Path) -> None:
    times = agreement.our_times(toys / "plain.tflite", 1, 40)
    assert 0 < times.p5_s <= times.median_s < 1


@pytest.mark.slow
def test_a_model_too_small_for_the_peers_rounding_is_refused(
    toys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agreement.main([str(toys / "plain.tflite"), "--rounds", "6"]) == 1
    assert "too coarse" in capsys.readouterr().err


def test_a_file_that_is_no_model_is_refused(toys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert agreement.main([str(toys / "foreign.tflite")]) == 1
    assert "error: the runner failed" in capsys.readouterr().err


def test_a_format_whose_runtime_brings_no_benchmark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no benchmark .* compare model\.onnx with"):
        agreement.agreement(tmp_path / "model.onnx", 6, 1)
