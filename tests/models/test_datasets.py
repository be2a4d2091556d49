"""Data sets by name: two parts that share nothing, and classes that are the model's."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from edgebench.errors import DataError, UnknownNameError, UsageError
from edgebench.models.data import datasets
from edgebench.models.data.class_folders import ImageFolder
from edgebench.models.data.dataset import DataSet, Examples
from edgebench.models.data.datasets import model_classes, open_data
from edgebench.models.data.pictures import Frame


def fill(folder: Path, each: int, names: tuple[str, ...] = ("apple", "berry", "cherry")) -> Path:
    """Pictures that are all different, so that each is known by its colour."""
    for label, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for i in range(each):
            Image.new("RGB", (12, 10), (60 * label + i, i, 7)).save(folder / name / f"{i:03}.png")
    return folder


def calibration(data: DataSet, count: int = 1000, alone: bool = False) -> Examples:
    return data.calibration(count, Frame(8, 8, "crop"), "classification", alone)


def evaluation(data: DataSet, count: int = 1000, alone: bool = False) -> Examples:
    return data.evaluation(count, Frame(8, 8, "crop"), "classification", alone)


def pictures(found: Examples) -> set[tuple[int, ...]]:
    return {tuple(image[0, 0].tolist()) for image in found.images}


@pytest.mark.parametrize("each", [2, 5, 40])
def test_no_picture_both_calibrates_and_evaluates(tmp_path: Path, each: int) -> None:
    data = ImageFolder(fill(tmp_path, each))
    sets, measures = calibration(data), evaluation(data)
    assert not pictures(sets) & pictures(measures)
    assert len(sets) + len(measures) == 3 * each
    assert set(measures.labels["labels"].tolist()) == {0, 1, 2}


def test_a_set_that_serves_one_purpose_is_not_split(tmp_path: Path) -> None:
    data = ImageFolder(fill(tmp_path, 5))
    assert len(calibration(data, alone=True)) == len(evaluation(data, alone=True)) == 15


def test_asking_for_fewer_leaves_the_parts_apart(tmp_path: Path) -> None:
    data = ImageFolder(fill(tmp_path, 40))
    every = pictures(evaluation(data, 1000))
    assert pictures(evaluation(data, 7)) < every
    assert not pictures(calibration(data, 9)) & every


def test_a_folder_with_a_split_of_its_own_keeps_it(tmp_path: Path) -> None:
    fill(tmp_path / "train", 3)
    fill(tmp_path / "val", 5)
    data = ImageFolder(tmp_path)
    assert len(calibration(data, 1000)) == 9
    assert len(evaluation(data, 1000)) == 15


def test_images_have_the_height_and_width_that_are_asked_for(tmp_path: Path) -> None:
    data = ImageFolder(fill(tmp_path, 4))
    made = data.evaluation(2, Frame(6, 10, "crop"), None, False)
    assert made.images.shape == (2, 6, 10, 3)


def test_what_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    fill(tmp_path / "val", 3)
    (tmp_path / "val" / "berry" / "broken.png").write_bytes(b"no picture")
    found = evaluation(ImageFolder(tmp_path), alone=True)
    assert len(found) == len(found.labels["labels"]) == 9
    (left_out,) = found.left_out
    assert "broken.png" in left_out


def test_identity_changes_with_the_files(tmp_path: Path) -> None:
    data = ImageFolder(fill(tmp_path, 2))
    before = data.identity()
    assert data.identity() == before
    (tmp_path / "apple" / "000.png").unlink()
    assert data.identity() != before


def test_scenes_are_a_data_set_of_the_same_form() -> None:
    data = open_data("scenes")
    assert data.class_names is not None and len(data.class_names) == 10
    frame = Frame(48, 48, "crop")
    measures = data.evaluation(5, frame, "classification", False)
    assert measures.images.shape == (5, 48, 48, 3)
    assert not pictures(data.calibration(5, frame, None, False)) & pictures(measures)
    with pytest.raises(DataError, match="square"):
        data.calibration(5, Frame(48, 32, "crop"), None, False)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("lmdb", UnknownNameError),
        ("coco:here", UsageError),
        ("imagefolder", UsageError),
        ("scenes:here", UsageError),
    ],
)
def test_what_names_no_data_set_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        open_data(text)


@pytest.mark.parametrize(
    ("folders", "classes", "labels", "meant"),
    [
        pytest.param(("a", "b", "c"), 3, None, [0, 1, 2], id="one folder a class"),
        pytest.param(("0", "10", "2"), 11, None, [0, 10, 2], id="class numbers"),
        pytest.param(("0", "1", "2"), 3, None, [0, 1, 2], id="all class numbers"),
        pytest.param(("b", "c", "d"), 4, ("d", "c", "b", "a"), [2, 1, 0], id="labels"),
    ],
)
def test_folders_are_the_models_classes(
    folders: tuple[str, ...], classes: int, labels: tuple[str, ...] | None, meant: list[int]
) -> None:
    assert model_classes(folders, "here", classes, labels) == meant


def test_folders_that_fit_no_class_are_refused() -> None:
    with pytest.raises(DataError, match="2 classes and the model 5"):
        model_classes(("a", "b"), "here", 5, ("c", "d", "e", "f", "g"))


def test_every_data_set_says_how_it_is_written() -> None:
    assert all(written in datasets.WRITTEN for written, _ in datasets.DATA_SETS.values())
