"""COCO's and VOC's folders as data sets: labels as the tasks have them."""

from __future__ import annotations

import json
from pathlib import Path

import made_tasks
import numpy as np
import pytest
from PIL import Image

from edgebench import tasks
from edgebench.errors import DataError
from edgebench.models.data import datasets
from edgebench.models.data.coco import Coco
from edgebench.models.data.pictures import Frame
from edgebench.models.data.voc import Voc

SIDE = made_tasks.SIDE
TWICE = Frame(2 * SIDE, 2 * SIDE, "stretch")


@pytest.mark.parametrize("form", ["coco", "voc"])
def test_boxes_are_those_that_were_drawn_at_the_size_of_the_input(
    tmp_path: Path, form: str
) -> None:
    write = made_tasks.write_coco if form == "coco" else made_tasks.write_voc
    data = datasets.open_data(write(tmp_path / "data", 12))
    found = data.evaluation(100, TWICE, "detection", True)
    labels = tasks.get("detection").truth(found.labels).arrays()
    assert sorted(found.class_names) == sorted(made_tasks.NAMES)
    assert len(found) == len(labels["offsets"]) - 1 == 12
    for image, (_, _, things) in enumerate(made_tasks.scenes(12)):
        part = slice(*labels["offsets"][image : image + 2])
        seen = {
            (tuple(box), found.class_names[place])
            for box, place in zip(
                labels["boxes"][part].tolist(), labels["classes"][part].tolist(), strict=True
            )
        }
        assert seen == {
            (corners(cell, 2 * made_tasks.CELL), made_tasks.NAMES[colour])
            for cell, colour in things
        }


def corners(cell: int, side: int) -> tuple[float, ...]:
    left, top = cell % made_tasks.CELLS * side, cell // made_tasks.CELLS * side
    return left, top, left + side, top + side


def test_maps_are_those_that_were_drawn(tmp_path: Path) -> None:
    data = datasets.open_data(made_tasks.write_voc(tmp_path / "voc", 6))
    found = data.evaluation(100, Frame(SIDE, SIDE, "stretch"), "segmentation", True)
    drawn = np.stack([classes for _, classes, _ in made_tasks.scenes(6)])
    np.testing.assert_array_equal(found.labels["maps"], drawn)


@pytest.mark.parametrize("task", ["detection", "segmentation"])
def test_vocs_own_lists_part_it_by_task(tmp_path: Path, task: str) -> None:
    made_tasks.write_voc(tmp_path, 12)
    lists = {"Main": (4, 5), "Segmentation": (3, 2)}
    for name, (train, val) in lists.items():
        folder = tmp_path / "ImageSets" / name
        folder.mkdir(parents=True)
        (folder / "train.txt").write_text("".join(f"{i:03}\n" for i in range(train)))
        (folder / "val.txt").write_text("".join(f"{i:03}\n" for i in range(train, train + val)))
    expected = lists["Main" if task == "detection" else "Segmentation"]
    frame = Frame(SIDE, SIDE, "stretch")
    data = Voc(tmp_path)
    counts = (
        len(data.calibration(100, frame, task, False)),
        len(data.evaluation(100, frame, task, False)),
    )
    assert counts == expected


def test_crowds_and_difficult_things_are_kept_as_such(tmp_path: Path) -> None:
    made_tasks.write_coco(tmp_path / "coco", 1)
    path = tmp_path / "coco" / "boxes.json"
    content = json.loads(path.read_text())
    content["annotations"][1]["iscrowd"] = 1
    path.write_text(json.dumps(content))
    data = Coco(tmp_path / "coco" / "pictures", path)
    crowd = data.evaluation(1, TWICE, "detection", True).labels["crowd"]
    assert crowd.tolist() == [False, True, False]
    made_tasks.write_voc(tmp_path / "voc", 1)
    annotation = tmp_path / "voc" / "Annotations" / "000.xml"
    text = annotation.read_text()
    annotation.write_text(text.replace("<bndbox>", "<difficult>1</difficult><bndbox>", 1))
    crowd = Voc(tmp_path / "voc").evaluation(1, TWICE, "detection", True).labels["crowd"]
    assert crowd.tolist() == [True, False, False]


def test_broken_labels_and_lost_pictures_are_named_and_left_out(tmp_path: Path) -> None:
    made_tasks.write_coco(tmp_path / "coco", 4)
    (tmp_path / "coco" / "pictures" / "002.png").unlink()
    data = Coco(tmp_path / "coco" / "pictures", tmp_path / "coco" / "boxes.json")
    found = data.evaluation(10, TWICE, "detection", True)
    assert len(found) == 3 and "002.png" in found.left_out[0]
    made_tasks.write_voc(tmp_path / "voc", 4)
    (tmp_path / "voc" / "Annotations" / "001.xml").write_text("<annotation>")
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "voc" / "SegmentationClass" / "003.png")
    for task, name in (("detection", "001.xml"), ("segmentation", "003.png")):
        found = Voc(tmp_path / "voc").evaluation(10, TWICE, task, True)
        assert len(found) == 3 and len(found.left_out) == 1 and name in found.left_out[0]


@pytest.mark.parametrize("content", ["no JSON", "{}", '{"images": [], "annotations": 3}', "[1]"])
def test_a_file_that_is_not_cocos_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"cannot read the annotations in .*boxes\.json"):
        Coco(tmp_path, path).evaluation(1, TWICE, "detection", True)


def test_a_folder_that_is_not_vocs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="JPEGImages"):
        Voc(tmp_path).evaluation(1, TWICE, "detection", True)
