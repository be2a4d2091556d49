"""Pictures decoded as people see them, and labels that stay on what they are of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgebench.errors import DataError
from edgebench.models.data.pictures import (
    PADDING,
    Frame,
    Labelled,
    Resize,
    decode,
    framed,
    framed_boxes,
    framed_map,
    read,
)

ROTATED = 6
"""EXIF orientation: the stored picture has to be turned clockwise to be upright."""
ORIENTATION = 0x0112


def rotated(path: Path) -> Path:
    """Stored 30 x 20 with red on its left; upright it is 20 x 30 with red at the top."""
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, :10, 0] = 255
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[ORIENTATION] = ROTATED
    picture.save(path, exif=exif)
    return path


@pytest.mark.parametrize("size", [None, (20, 30)])
def test_a_rotated_picture_is_turned_upright(tmp_path: Path, size: tuple[int, int] | None) -> None:
    pixels = np.asarray(decode(rotated(tmp_path / "a.png"), size))
    assert pixels.shape == (30, 20, 3)
    assert pixels[5, 10].tolist() == [255, 0, 0] and pixels[25, 10].tolist() == [0, 0, 0]


def test_labels_of_the_stored_picture_keep_it_as_it_is_stored(tmp_path: Path) -> None:
    pixels = np.asarray(decode(rotated(tmp_path / "a.png"), (30, 20)))
    assert pixels.shape == (20, 30, 3) and pixels[10, 5].tolist() == [255, 0, 0]


def test_labels_of_another_size_are_refused_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"20x30 pixels, and its labels are for 40x40"):
        decode(rotated(tmp_path / "a.png"), (40, 40))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGBA", (4, 4), (200, 0, 0, 0))
    picture.putpixel((0, 0), (10, 10, 10, 255))
    picture.convert(mode).save(tmp_path / "a.png")
    pixels = np.asarray(decode(tmp_path / "a.png"))
    assert pixels[3, 3].tolist() == [255, 255, 255]
    assert np.abs(pixels[0, 0].astype(int) - 10).max() <= 3


def test_cmyk_is_seen_in_its_colours(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16), (200, 40, 90)).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    pixels = np.asarray(decode(tmp_path / "a.jpg")).astype(int)
    assert np.abs(pixels - (200, 40, 90)).max() < 12


def test_sixteen_bits_keep_their_whole_range(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 32896, 65535]], np.uint16)).save(tmp_path / "a.png")
    assert np.asarray(decode(tmp_path / "a.png"))[0, :, 0].tolist() == [0, 128, 255]


def test_what_cannot_be_read_is_left_out_with_its_labels(tmp_path: Path) -> None:
    for number in range(3):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"no picture")
    chosen = [Labelled(tmp_path / f"{number}.png", None, number) for number in range(3)]
    made = read(chosen, Frame(8, 8, "stretch"), "here")
    assert made.labels == (0, 2) and made.images[:, 0, 0, 0].tolist() == [0, 2]
    assert len(made.left_out) == 1 and "1.png" in made.left_out[0]


@pytest.mark.parametrize("resize", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("size", [(60, 40), (30, 90)])
def test_boxes_and_maps_stay_on_what_they_are_of(resize: Resize, size: tuple[int, int]) -> None:
    """A white square is found at its box and in its map, wherever the picture went."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = size[0] // 2 - 8, size[1] // 2 - 6
    pixels[top : top + 12, left : left + 16] = 255
    frame = Frame(64, 48, resize)
    made = framed(Image.fromarray(pixels), frame)
    white = made[..., 0] > 180
    rows, columns = np.flatnonzero(white.any(1)), np.flatnonzero(white.any(0))
    seen = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    box = np.array([[left, top, left + 16, top + 12]], np.float32)
    boxes, inside = framed_boxes(box, size, frame)
    assert inside.tolist() == [True]
    assert np.abs(boxes[0] - seen).max() <= 1.5
    classes = framed_map((pixels[..., 0] > 0).astype(np.uint8), frame, 255)
    there = np.argwhere(classes == 1)
    in_map = [*there.min(0)[::-1], *(there.max(0)[::-1] + 1)]
    assert np.abs(np.array(in_map) - seen).max() <= 2
    assert ((classes == 255).any()) == (resize == "pad")


def test_what_a_crop_cuts_off_is_no_longer_there() -> None:
    frame = Frame(32, 32, "crop")
    boxes, inside = framed_boxes(
        np.array([[0, 0, 4, 4], [0, 0, 40, 40]], np.float32), (80, 40), frame
    )
    assert inside.tolist() == [False, True]
    assert boxes[1, 0] == 0 and boxes[1, 3] == 32


def test_padding_is_grey() -> None:
    made = framed(Image.new("RGB", (40, 10), "white"), Frame(20, 20, "pad"))
    assert made[0, 0].tolist() == list(PADDING) and made[10, 10].tolist() == [255, 255, 255]
