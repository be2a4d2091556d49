"""What the runtime's own kernels lose on a processor is told, and nothing is refused for it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest
from without_vnni import check_drift, check_export

from edgebench.converters.artifact import Hop
from edgebench.converters.export.native import notable


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only kernels for x86 saturate")
def test_openvino_without_vnni(tmp_path: Path) -> None:
    """oneDNN, whose kernels OpenVINO runs, can be limited to an older processor's instructions."""
    check_export("openvino", tmp_path, [], {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"})


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only kernels for x86 saturate")
def test_drift_without_vnni_tries_seven_bits(tmp_path: Path) -> None:
    check_drift("openvino", tmp_path, [], {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"})


def hop(snr_db: float | None) -> Hop:
    return Hop("onnx->onnx:int8", 10, 0.1, snr_db, None, None, "")


@pytest.mark.parametrize(
    ("exact", "here", "told"),
    [
        pytest.param(26.5, 26.0, False, id="another order of sums"),
        pytest.param(26.5, 12.4, True, id="saturation"),
        pytest.param(None, 125.0, False, id="float32's own rounding"),
        pytest.param(None, 40.0, True, id="bfloat16 for float32"),
        pytest.param(30.0, None, False, id="better here"),
    ],
)
def test_a_loss_is_notable_where_it_doubles_the_error_and_is_more_than_rounding(
    exact: float | None, here: float | None, told: bool
) -> None:
    assert notable(hop(exact), hop(here)) is told
