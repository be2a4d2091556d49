"""The search for a mixed precision, on a network of which two layers have to stay in float32."""

from __future__ import annotations

from pathlib import Path

import planted_defects
import pytest

from edgebench.cli import main
from edgebench.converters.artifact import Manifest
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.mending.document import MendingSearch
from edgebench.converters.mending.node_times import node_times
from edgebench.converters.mending.search import mend
from edgebench.converters.precision import MixedPrecision
from edgebench.converters.targets import expand, parse
from edgebench.documents import load
from edgebench.errors import UsageError
from edgebench.progress import silent

FACTOR = 3000.0
IMAGES = 120


@pytest.mark.parametrize("target", ["tflite:int8", "onnx:int8"])
def test_the_layer_that_int8_cannot_hold_stays_in_float(tmp_path: Path, target: str) -> None:
    model = planted_defects.outlier_channel(FACTOR)
    source, data = planted_defects.write_labelled(tmp_path, model, IMAGES)
    targets, _ = expand([target])
    request = ExportRequest(
        str(source), targets, tmp_path / "out", data=data, task="classification", ranges="extremes"
    )
    found = mend(request, targets[0], 0.05, IMAGES, silent)
    assert found.plain.loss.value > 0.2
    assert found.within and found.found.loss.value <= 0.05
    assert "culprit" in found.found.nodes
    assert found.found.layers <= 3  # of seven: itself, and what reads it
    assert found.confirmed.figure == "top1" and found.confirmed.value < 0.2
    assert found.target.mix is not None and found.target.mix.ranges == "extremes"
    # What was tried is kept, and a second search converts nothing but the confirmation.
    kept = load(next((tmp_path / "out").glob("*.mending.json")), MendingSearch)
    assert kept.trials[0].nodes == () == kept.trials[0].adjustments and len(kept.trials) >= 2
    assert mend(request, targets[0], 0.05, IMAGES, silent) == found


def test_the_command_writes_the_mix_as_a_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = planted_defects.outlier_channel(FACTOR)
    source, data = planted_defects.write_labelled(tmp_path, model, IMAGES)
    out = tmp_path / "out"
    words = ["export", str(source), "--to", "onnx:int8", "--data", data, "--ranges", "extremes"]
    words += ["--task", "classification", "--out", str(out), "--jobs", "1"]
    assert main([*words, "--accuracy-budget", "5%"]) == 0
    said = capsys.readouterr().err
    assert "onnx:int8 loses" in said and "in float32 (int8-within-5)" in said
    manifest = load(out / "planted.int8-within-5.onnx.json", Manifest)
    recipe = load(out / "planted.int8-within-5.onnx.recipe.json", MixedPrecision)
    assert manifest.mix == recipe and "culprit" in {one.nodes for one in recipe.exceptions}
    # The recipe makes the same file again, as a precision of its own.
    again = tmp_path / "again"
    to = f"onnx:{out / 'planted.int8-within-5.onnx.recipe.json'}"
    assert main([*words[:3], to, *words[4:8], "--task", "classification", "--out", str(again)]) == 0
    assert load(again / manifest.file.replace(".onnx", ".onnx.json"), Manifest).sha256 == (
        manifest.sha256
    )


def test_a_precision_without_exceptions_is_refused(tmp_path: Path) -> None:
    source, samples = planted_defects.write(tmp_path, "outliers")
    request = ExportRequest(str(source), (parse("onnx:fp16"),), tmp_path, calibration=str(samples))
    with pytest.raises(UsageError, match="onnx:fp16 can have no exceptions"):
        mend(request, parse("onnx:fp16"), 0.01, IMAGES, silent)


def test_every_node_is_timed() -> None:
    model = planted_defects.outlier_channel()
    times = node_times(model, dict(planted_defects._image(0)))
    assert {"stem", "culprit", "after", "head"} <= set(times)
    assert all(time >= 0 for time in times.values())
