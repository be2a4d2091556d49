"""Profiles that LiteRT's tools print.

`samples/litert_summary.txt` was printed by LiteRT 2.3 itself (`LiteRtGetProfileSummary`, the
summariser that its benchmark tool uses too) for coordinate attention's MobileNetV2, and cut to the
first lines of each list. The CSV and the lists of a delegate's own are written after the tool's
sources (tensorflow/core/util/stats_calculator.cc and profile_summary_formatter.cc).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.benchmarks.explanation import profiles
from edgebench.deploy.benchmark_model import profile
from edgebench.errors import InvalidFileError

SAMPLES = Path(__file__).parent / "samples"


def test_a_summary_that_litert_printed_is_read_in_the_order_of_running() -> None:
    found = profile.read(SAMPLES / "litert_summary.txt")
    assert [one.type for one in found.operations[:3]] == [
        "Delegate/Convolution (NHWC, F32) IGEMM",
        "Delegate/Convolution (NHWC, F32) DWConv",
        "Delegate/Fully Connected (NC, F32) GEMM",
    ]
    assert len(found.operations) == 12 and found.inferences == 30
    assert found.operations[3].time_s == pytest.approx(1.552e-3)
    assert found.operations[11].name == "[Delegate]:11"
    assert found.whole_s == pytest.approx(sum(one.time_s for one in found.operations))
    kinds = [profiles.kind_of(one.type) for one in found.operations]
    assert kinds[:2] == ["convolution", "depthwise"] and kinds[5:7] == ["pooling", "pooling"]


def test_csv_is_read_although_types_and_names_hold_commas() -> None:
    found = profile.read(SAMPLES / "profile.csv")
    assert [(one.type, one.name) for one in found.operations] == [
        ("CONV_2D", "[hardtanh/Relu6, conv2d]:0"),
        ("Fully Connected (NC, QS8, QC8W) GEMM", "Delegate/Fully Connected:1"),
        ("MUL", "[mul]:2"),
    ]
    assert [one.time_s for one in found.operations] == pytest.approx([41e-5, 21e-5, 38e-5])
    assert found.inferences == 50 and found.whole_s == pytest.approx(1012.5e-6)


def test_a_delegates_own_list_stands_in_its_place() -> None:
    found = profile.read(SAMPLES / "delegate_internal.txt")
    assert [one.type for one in found.operations] == [
        "PAD",
        "Convolution (NHWC, F32) IGEMM",
        "Multiply (ND)",
    ]
    assert found.whole_s == pytest.approx(1e-3) and found.inferences == 20


@pytest.mark.parametrize("content", ["", "ERROR: no such flag --enable_op_profiling"])
def test_a_file_without_a_profile_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "profile.txt"
    path.write_text(content)
    with pytest.raises(InvalidFileError, match="contains no profile by operation"):
        profile.read(path)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="cannot read"):
        profile.read(tmp_path / "none.txt")
