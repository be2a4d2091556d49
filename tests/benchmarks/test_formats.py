"""Several formats in one run, one of which the device does not run."""

from __future__ import annotations

from pathlib import Path

import pytest
from replay import IMAGES, ReplayedDevice, make_artifacts

from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.report import columns, tables
from edgebench.benchmarks.report.headline import warnings
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.runs.run import run
from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.transports.apple.mac import Mac
from edgebench.errors import UsageError

LATENCY_S = {
    f"scenes_v2{kind}.fp32.tflite": time
    for kind, time in (("", 0.010), ("_se", 0.011), ("_ca", 0.013))
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("formats")
    for form in ("tflite", "coreml"):
        make_artifacts(folder / "artifacts", precisions=("fp32",), form=form)
    request = RunRequest(str(folder / "artifacts"), device="replayed", out=str(folder / "runs"))
    return run(request, ReplayedDevice(LATENCY_S))


def test_what_does_not_run_here_stands_beside_with_what_is_known_of_it(both: Comparison) -> None:
    measured, elsewhere = both.groups
    assert (measured.format, elsewhere.format) == ("tflite", "coreml")
    assert all(row.runs_here and row.latency for row in measured.rows)
    for row in elsewhere.rows:
        assert not row.runs_here
        assert row.latency is row.overhead is row.verdict is None
        assert row.accuracy is not None and row.drift is not None
        assert row.drift.samples == IMAGES // 2  # It was evaluated on the first inputs alone.
    assert elsewhere.rows[0].model == "scenes_v2"
    assert (
        elsewhere.rows[1].accuracy is not None
        and elsewhere.rows[1].accuracy.headline.gain is not None
    )


def test_it_takes_no_part_in_the_answer(both: Comparison) -> None:
    assert both.answered and not both.interrupted
    assert len(both.verdicts) == 2
    assert [text for text in warnings(both) if "coreml" in text] == [
        "coreml files do not run on replayed"
    ]


def test_one_table_has_every_format_and_marks_what_was_not_measured(both: Comparison) -> None:
    (sheet,) = tables.sheets(both)
    assert [name for name, _ in sheet.sections] == ["tflite fp32", "coreml fp32"]
    overhead, top1 = sheet.columns.index("overhead [95 %]"), sheet.columns.index("top-1 %")
    for _, cells in sheet.sections[1][1]:
        assert cells[overhead] == "not run here"
        assert cells[top1].endswith(columns.COMPUTED)
    for _, cells in sheet.sections[0][1]:
        assert not cells[top1].endswith(columns.COMPUTED)
    assert "tflite by tensorflow 2.21.0" in sheet.legend


def test_a_mac_measures_core_ml_and_takes_nothing_from_the_export(tmp_path: Path) -> None:
    for form in ("tflite", "coreml"):
        make_artifacts(tmp_path / "a", precisions=("fp32",), form=form)
    latency = LATENCY_S | {k.replace("tflite", "coreml"): v / 2 for k, v in LATENCY_S.items()}
    request = RunRequest(str(tmp_path / "a"), device="mac", out=str(tmp_path / "runs"))
    entry = DeviceEntry("this Mac's Core ML", "mac", name="mac")
    device = ReplayedDevice(
        latency,
        outputs_accuracy=dict.fromkeys(latency, 1.0),
        name="mac",
        formats=Mac(entry).formats,
    )
    comparison = run(request, device)
    assert {group.format for group in comparison.groups} == {"tflite", "coreml"}
    for row in (row for group in comparison.groups for row in group.rows):
        assert row.runs_here and row.latency is not None
        assert row.drift is not None and row.drift.samples == IMAGES
    (sheet,) = tables.sheets(comparison)
    top1 = sheet.columns.index("top-1 %")
    cells = [cells[top1] for _, rows in sheet.sections for _, cells in rows]
    assert cells and not any(cell.endswith(columns.COMPUTED) for cell in cells)


def test_a_device_that_runs_none_of_them_has_nothing_to_measure(tmp_path: Path) -> None:
    make_artifacts(tmp_path / "a", precisions=("fp32",), form="coreml")
    request = RunRequest(str(tmp_path / "a"), device="replayed", out=str(tmp_path / "runs"))
    with pytest.raises(UsageError, match="replayed runs no coreml files") as caught:
        run(request, ReplayedDevice(LATENCY_S))
    assert "tflite" in caught.value.remedy
    assert not (tmp_path / "runs").exists()
