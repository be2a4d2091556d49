"""Inputs as arrays: one file with a row for each example, or one file an example."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgebench.errors import DataError
from edgebench.models.data.datasets import open_data
from edgebench.models.data.pictures import Frame

NO_FRAME = Frame(0, 0, "stretch")
COUNT = 12


def rows() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "tokens": rng.integers(0, 9, (COUNT, 4)),
        "scale": rng.random((COUNT, 1)),
        "labels": np.arange(COUNT) % 3,
    }


@pytest.fixture(params=["file", "folder"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same examples in either form, as `--data` names them."""
    arrays = rows()
    if request.param == "file":
        np.savez(tmp_path / "all.npz", **arrays)  # type: ignore[arg-type]
        return f"npz:{tmp_path / 'all.npz'}"
    for row in range(COUNT):
        one = {name: array[row] for name, array in arrays.items()}
        np.savez(tmp_path / f"{row:02}.npz", **one)  # type: ignore[arg-type]
    return f"npz:{tmp_path}"


def test_a_quarter_calibrates_and_the_rest_measures_with_labels(written: str) -> None:
    data = open_data(written)
    assert data.tasks == ("classification",) and not data.pictures
    ranges = data.calibration(100, NO_FRAME, None, False)
    measures = data.evaluation(100, NO_FRAME, "classification", False)
    tokens = [tuple(row["tokens"].tolist()) for found in (ranges, measures) for row in found.rows]
    assert sorted(tokens) == sorted(tuple(row.tolist()) for row in rows()["tokens"])
    for row, label in zip(measures.rows, measures.labels["labels"], strict=True):
        assert label == row["labels"]


def test_without_labels_outputs_are_compared(tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", x=np.zeros((9, 2)))
    data = open_data(f"npz:{tmp_path / 'all.npz'}")
    assert data.tasks == ("none",)
    assert data.evaluation(9, NO_FRAME, "none", True).labels == {}
    with pytest.raises(DataError, match="lacks labels: segmentation needs maps"):
        data.evaluation(9, NO_FRAME, "segmentation", True)


@pytest.mark.parametrize("form", ["file", "folder"])
def test_each_example_has_the_boxes_that_are_its_own(form: str, tmp_path: Path) -> None:
    counts = [2, 0, 1]
    boxes = np.arange(12.0).reshape(3, 4)
    classes = np.array([0, 1, 2])
    offsets = np.array([0, 2, 2, 3])
    x = np.zeros((3, 5))
    if form == "file":
        every = {"x": x, "boxes": boxes, "classes": classes, "offsets": offsets}
        np.savez(tmp_path / "all.npz", **every)  # type: ignore[arg-type]
    else:
        for row in range(3):
            mine = slice(offsets[row], offsets[row + 1])
            np.savez(tmp_path / f"{row}.npz", x=x[row], boxes=boxes[mine], classes=classes[mine])
    data = open_data(f"npz:{tmp_path / 'all.npz' if form == 'file' else tmp_path}")
    labels = data.evaluation(3, NO_FRAME, "detection", True).labels
    assert np.diff(labels["offsets"]).tolist() == counts
    np.testing.assert_array_equal(labels["boxes"], boxes)
    np.testing.assert_array_equal(labels["classes"], classes)


def test_maps_may_have_a_batch_axis(tmp_path: Path) -> None:
    for row in range(2):
        np.savez(tmp_path / f"{row}.npz", x=np.zeros(1), maps=np.full((1, 3, 1), row, np.uint8))
    data = open_data(f"npz:{tmp_path}")
    assert data.evaluation(2, NO_FRAME, "segmentation", True).labels["maps"].shape == (2, 3, 1)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((4, 2)), "labels": np.zeros(5)}, "rows: x 4, labels 5"),
        ({"x": np.zeros(())}, "rows: x 0"),
    ],
)
def test_arrays_without_a_row_for_each_example_are_refused(
    arrays: dict[str, np.ndarray], said: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "all.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=said):
        open_data(f"npz:{tmp_path / 'all.npz'}").calibration(4, NO_FRAME, None, True)


@pytest.mark.parametrize("content", [b"not an archive", b""])
def test_a_file_that_is_no_archive_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"cannot read .*a\.npz"):
        open_data(f"npz:{tmp_path}").calibration(4, NO_FRAME, None, True)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file or folder"):
        open_data(f"npz:{tmp_path / 'none'}").calibration(4, NO_FRAME, None, True)
