"""What a page on a measured device shows: the report's figures."""

from __future__ import annotations

from pathlib import Path

from replay import Replay, ReplayedDevice

from edgebench.benchmarks.report import page
from edgebench.benchmarks.results import run_folder
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.documents import load

SLOTS = {"scenes_v2": 0.002, "scenes_v2_se": 0.0021, "scenes_v2_ca": 0.0024}
LATENCY = {f"{model}.{kind}.tflite": s for model, s in SLOTS.items() for kind in ("fp32", "int8")}

SAME = ("heading", "value", "low", "outcome")


def test_the_page_has_every_overhead_of_the_report_during_the_run_and_after_it(
    replay: Replay, tmp_path: Path
) -> None:
    replay(ReplayedDevice(LATENCY))
    folder = run_folder.latest(tmp_path / "runs", "replayed")
    comparison = load(folder / run_folder.COMPARISON, Comparison)
    wanted = [
        (group.title, row.overhead.value, row.overhead.interval.low, row.verdict.outcome)
        for group in comparison.groups
        for row in group.rows
        if row.overhead and row.verdict
    ]
    assert len(wanted) >= 4
    for found in (page.plot(comparison), page.so_far(folder)):
        assert found is not None and found["threshold"] == comparison.threshold
        rows = [tuple(row[key] for key in SAME) for row in found["rows"]]
        assert sorted(rows) == sorted(wanted)
    assert "The whole report" in page.text(comparison) and page.text(None)
