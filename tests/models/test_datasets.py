"""Data sets by name: two parts that share nothing, and classes that are the model's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgebench.errors import DataError, UnknownNameError, UsageError
from edgebench.models.data import datasets
from edgebench.models.data.datasets import ImageFolder, model_classes, open_data
from edgebench.models.data.images import ImageSet


def fill(folder: Path, each: int, names: tuple[str, ...] = ("apple", "berry", "cherry")) -> Path:
    """Pictures that are all different, so that each is known by its colour."""
    for label, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for i in range(each):
            Image.new("RGB", (12, 10), (60 * label + i, i, 7)).save(folder / name / f"{i:03}.png")
    return folder


def pictures(found: ImageSet) -> set[tuple[int, ...]]:
    return {tuple(image[0, 0].tolist()) for image in found.images}


@pytest.mark.parametrize("each", [2, 5, 40])
def test_no_picture_both_calibrates_and_evaluates(tmp_path: Path, each: int) -> None:
    data = ImageFolder(fill(tmp_path, each))
    calibration, evaluation = data.calibration(1000, 8, 8), data.evaluation(1000, 8, 8)
    assert not pictures(calibration) & pictures(evaluation)
    assert len(calibration) + len(evaluation) == 3 * each
    assert set(evaluation.labels.tolist()) == {0, 1, 2}


def test_asking_for_fewer_leaves_the_parts_apart(tmp_path: Path) -> None:
    data = ImageFolder(fill(tmp_path, 40))
    every = pictures(data.evaluation(1000, 8, 8))
    assert pictures(data.evaluation(7, 8, 8)) < every
    assert not pictures(data.calibration(9, 8, 8)) & every


def test_a_folder_with_a_split_of_its_own_keeps_it(tmp_path: Path) -> None:
    fill(tmp_path / "train", 3)
    fill(tmp_path / "val", 5)
    data = ImageFolder(tmp_path)
    assert len(data.calibration(1000, 8, 8)) == 9
    assert len(data.evaluation(1000, 8, 8)) == 15


def test_images_have_the_height_and_width_that_are_asked_for(tmp_path: Path) -> None:
    assert ImageFolder(fill(tmp_path, 4)).evaluation(2, 6, 10).images.shape == (2, 6, 10, 3)


def test_what_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    fill(tmp_path / "val", 3)
    (tmp_path / "val" / "berry" / "broken.png").write_bytes(b"no picture")
    found = ImageFolder(tmp_path).evaluation(1000, 8, 8)
    assert len(found) == len(found.labels) == 9
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
    assert data.evaluation(5, 48, 48).images.shape == (5, 48, 48, 3)
    assert not pictures(data.calibration(5, 48, 48)) & pictures(data.evaluation(5, 48, 48))
    with pytest.raises(DataError, match="square"):
        data.calibration(5, 48, 32)


@pytest.mark.parametrize(
    ("text", "error"),
    [("coco", UnknownNameError), ("imagefolder", UsageError), ("scenes:here", UsageError)],
)
def test_what_names_no_data_set_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        open_data(text)


def of_classes(names: tuple[str, ...], labels: list[int]) -> ImageSet:
    pixels = np.zeros((len(labels), 2, 2, 3), np.uint8)
    return ImageSet(pixels, np.array(labels), names, (0, 0, 0), (1, 1, 1), "0" * 64)


@pytest.mark.parametrize(
    ("folders", "classes", "labels", "meant"),
    [
        pytest.param(("a", "b", "c"), 3, None, [2, 0, 1], id="one folder a class"),
        pytest.param(("0", "10", "2"), 11, None, [2, 0, 10], id="class numbers"),
        pytest.param(("0", "1", "2"), 3, None, [2, 0, 1], id="all class numbers"),
        pytest.param(("b", "c", "d"), 4, ("d", "c", "b", "a"), [0, 2, 1], id="labels"),
    ],
)
def test_folders_are_the_models_classes(
    folders: tuple[str, ...], classes: int, labels: tuple[str, ...] | None, meant: list[int]
) -> None:
    found = of_classes(folders, [2, 0, 1])
    assert model_classes(found, "here", classes, labels).tolist() == meant


def test_folders_that_fit_no_class_are_refused() -> None:
    with pytest.raises(DataError, match="2 class folders and the model 5 classes"):
        model_classes(of_classes(("a", "b"), [0, 1]), "here", 5, ("c", "d", "e", "f", "g"))


def test_images_without_classes_cannot_tell_an_accuracy() -> None:
    with pytest.raises(DataError, match="no class folders"):
        model_classes(replace(of_classes((), [0, 1]), labels=np.array([])), "here", 5, None)


def test_every_data_set_says_how_it_is_written() -> None:
    assert all(written in datasets.WRITTEN for written, _ in datasets.DATA_SETS.values())
