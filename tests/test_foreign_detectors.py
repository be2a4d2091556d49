"""Detectors in other projects' layouts, described by roles: exported and judged by their AP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import made_detectors
import made_tasks
import onnx
import pytest

from edgebench.cli import main
from edgebench.converters.artifact import find_artifacts

LAYOUTS: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "detr": (
        made_detectors.detr,
        "boxes=pred_boxes,scores=class_logits,format=cxcywh,scale=normalised,activation=softmax,"
        "background=last,nms=1",
    ),
    "yolo v8": (made_detectors.yolo, "detections=output0,format=cxcywh"),
    "yolo v5": (
        lambda: made_detectors.yolo(objectness=True),
        "detections=output0,format=cxcywh,columns=box+objectness+scores",
    ),
    "ssd": (made_detectors.ssd, "boxes=boxes,scores=scores,scale=normalised,background=first"),
}


def words(folder: Path, model: onnx.ModelProto, outputs: str, targets: str) -> list[str]:
    path, data = folder / "theirs.onnx", made_tasks.write_coco(folder / "data", 24)
    onnx.save(model, path)
    words = ["export", str(path), "--data", data, "--task", "detection", "--outputs", outputs]
    return [*words, "--to", targets, "--jobs", "1", "--out", str(folder / "out")]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_detector_is_right_when_its_layout_is_said(
    layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, outputs = LAYOUTS[layout]
    assert main(words(tmp_path, make(), outputs, "onnx:fp32,onnx:int8")) == 0
    assert "AP 100.0" in capsys.readouterr().err
    found = {one.manifest.precision: one.manifest for one in find_artifacts(tmp_path / "out")}
    assert found["fp32"].hops[-1].agreement is not None
    agreement = found["int8"].hops[-1].agreement
    assert agreement is not None and agreement.value > 0.9


def test_another_word_of_the_layout_is_seen_in_the_ap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Corners that are read as centres are no boxes of anything: the words matter."""
    make, outputs = LAYOUTS["ssd"]
    assert main(words(tmp_path, make(), f"{outputs},format=cxcywh", "onnx:fp32")) == 0
    assert "AP 100.0" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ("boxes=pred_boxes", "class_logits 1x16x4, pred_boxes 1x16x4"),
        ("detections=pred_boxes,columns=box+score+class", "pred_boxes 1x16x4"),
        ("boxes=pred_boxes,scores=nothing", "class_logits"),
    ],
)
def test_a_mismatch_lists_the_shapes_that_were_found(
    outputs: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(tmp_path, made_detectors.detr(), outputs, "onnx:fp32")) != 0
    assert said in capsys.readouterr().err
