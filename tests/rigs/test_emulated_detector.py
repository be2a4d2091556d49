"""A trained detector with LiteRT's post-processing, as real Arm code under emulation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from edgebench.cli import main
from edgebench.deploy.transports.emulated import system
from edgebench.models.data import scenes

pytestmark = pytest.mark.rig

DETECTOR, SIDE, IMAGES, DARK = "ssdlite_scenes_v2", 96, 6, 2


def write_scenes(folder: Path) -> str:
    """A COCO folder of scenes that no training saw, as `--data`."""
    (folder / "images").mkdir(parents=True)
    pictures, there = scenes.with_things("test", IMAGES, 5, SIDE)
    images, things = [], []
    for number, pixels in enumerate(pictures):
        name = f"{number}.png"
        Image.fromarray(pixels).save(folder / "images" / name)
        images.append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
        here = slice(there.offsets[number], there.offsets[number + 1])
        for box, kind in zip(there.boxes[here].tolist(), there.classes[here].tolist(), strict=True):
            left, top, right, bottom = box
            sides = right - left, bottom - top
            one = {"id": len(things) + 1, "image_id": number, "category_id": kind + 1}
            area = sides[0] * sides[1]
            things.append({**one, "bbox": [left, top, *sides], "area": area, "iscrowd": 0})
    categories = [{"id": kind + 1, "name": str(kind)} for kind in range(10)]
    content = {"images": images, "annotations": things, "categories": categories}
    (folder / "things.json").write_text(json.dumps(content))
    return f"coco:{folder / 'images'},{folder / 'things.json'}"


def test_boxes_on_arm_are_those_of_this_machine_and_what_int8_lost_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    system.prepare()
    data = write_scenes(tmp_path / "coco")
    # Ranges of dark scenes clip bright ones: the file loses boxes, and the report has to show it.
    dark = tmp_path / "dark"
    dark.mkdir()
    for number, pixels in enumerate(scenes.with_things("test", 8, 8, SIDE)[0]):
        Image.fromarray(pixels // DARK).save(dark / f"{number}.png")
    words = ("--calibration", str(dark), "--evaluation", data, "--to", "tflite:int8")
    assert main(["export", DETECTOR, *words, "--jobs", "1", "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    run = ["run", "--device", "arm64-emulated", "--artifacts", str(tmp_path / "out")]
    what = ["--models", DETECTOR, "--baseline", DETECTOR, "--precisions", "int8"]
    assert main([*run, *what, "--runs", str(tmp_path / "runs"), "--html", "--json"]) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    for row in group["rows"]:
        host = row["on_host"]
        assert host["samples"] == IMAGES and host["agreement"]["value"] == 1
        by_role = {one["role"]: one["snr_db"] for one in host["outputs"]}
        assert set(by_role) == {"boxes", "scores"}
        assert all(snr_db is None or snr_db > 60 for snr_db in by_role.values())
        assert row["drift"]["agreement"]["value"] < 1
        (ap, *_) = row["accuracy"]["figures"]
        assert ap["id"] == "ap" and ap["on_device"]["value"] > 0
        assert ap["drop"]["low"] <= ap["drop"]["value"] <= ap["drop"]["high"]
    (report,) = (tmp_path / "runs").rglob("report.html")
    text = report.read_text()
    assert "Images that changed most" in text and "data:image/png" in text
    assert text.count("<rect") > 2 and "instructions" in text
