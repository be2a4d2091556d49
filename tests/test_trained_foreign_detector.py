"""A detector that others have trained, from its ONNX file to the AP of every format."""

from __future__ import annotations

import json
import re
from pathlib import Path

import foreign_detector
import pytest

from edgebench.cli import main
from edgebench.converters.artifact import find_artifacts

pytestmark = pytest.mark.slow

LAYOUT = "detections=output0,format=cxcywh"


def words(folder: Path, outputs: str, targets: str, count: int) -> list[str]:
    data = foreign_detector.write_faces(folder / "faces", count)
    side = str(foreign_detector.SIDE)
    shape = ("--input-shape", f"1,3,{side},{side}", "--mean", "0", "--std", "1")
    meaning = ("--task", "detection", "--outputs", outputs, "--data", data)
    to = ("--to", targets, "--jobs", "1", "--out", str(folder / "out"))
    return [str(foreign_detector.detector()), *shape, *meaning, *to]


def test_its_ap_is_kept_in_every_format_also_with_boxes_and_scores_in_one_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = "onnx:fp32,onnx:int8,tflite:int8,openvino:int8,coreml:fp16"
    assert main(["export", *words(tmp_path, LAYOUT, targets, 48), "--ranges", "extremes"]) == 0
    said = capsys.readouterr().err
    ((ap, ap50),) = re.findall(r"AP ([\d.]+), AP50 ([\d.]+)", said)
    # The boxes are drawn by eye, and so not those of its makers to the pixel.
    assert float(ap) > 40 and float(ap50) > 90
    artifacts = list(find_artifacts(tmp_path / "out"))
    assert len(artifacts) == 5
    for one in artifacts:
        agreement = one.manifest.hops[-1].agreement
        assert agreement is not None and agreement.value > 0.85, one.key
        assert one.manifest.labels == tuple(foreign_detector.class_names())

    run = ["run", "--artifacts", str(tmp_path / "out"), "--models", "320n", "--baseline", "320n"]
    short = ["--formats", "tflite,onnx", "--detect", "90%", "--runs", str(tmp_path / "runs")]
    assert main([*run, *short, "--html", "--json"]) in (0, 3)  # A busy machine has no verdict.
    found = json.loads(capsys.readouterr().out)
    rows = [row for group in found["groups"] for row in group["rows"] if row["accuracy"]]
    assert len(rows) >= 3
    for row in rows:
        (figure,) = (one for one in row["accuracy"]["figures"] if one["id"] == "ap")
        device, drop = figure["on_device"], figure["drop"]
        assert device["low"] <= device["value"] <= device["high"]
        assert drop["low"] <= drop["value"] <= drop["high"] and drop["value"] > -0.2


def test_a_wrong_role_lists_the_shape_that_was_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = "detections=output0,columns=box+score+class"
    assert main(["export", *words(tmp_path, wrong, "onnx:fp32", 8)]) == 2
    assert "output0 1x22x2100" in capsys.readouterr().err
