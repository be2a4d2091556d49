"""Folders of images: a fixed order, the standard crops, and clear errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from permissions import closed
from PIL import Image

from edgebench.errors import DataError
from edgebench.models import registry
from edgebench.models.data import imagefolder
from edgebench.models.data.class_folders import ImageFolder
from edgebench.models.data.feeds import feed_for
from edgebench.models.data.images import ImageSet
from edgebench.models.data.parts import spread
from edgebench.models.data.pictures import decode


def picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (40, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def load(folder: Path, size: int, count: int | None = None) -> ImageSet:
    found = imagefolder.listing(folder)
    total = len(found.files)
    return imagefolder.read(found, spread(total, count or total), size, size)


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    for label, name in enumerate(("apple", "berry", "cherry")):
        for i in range(4):
            picture(tmp_path / name / f"{i}.png", (80 * label, 20 * i, 7))
    (tmp_path / "apple" / "notes.txt").write_text("not an image")
    return tmp_path


def test_class_folders_give_labels_in_the_order_of_their_names(classes: Path) -> None:
    found = load(classes, size=16)
    assert found.class_names == ("apple", "berry", "cherry")
    assert found.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert found.images.shape == (12, 16, 16, 3)
    assert found.images[5, 8, 8].tolist() == [80, 20, 7]
    assert load(classes, size=16).recipe_sha256 == found.recipe_sha256


def test_fewer_images_are_spread_over_the_classes(classes: Path) -> None:
    found = load(classes, size=16, count=3)
    assert found.labels.tolist() == [0, 1, 2]
    assert found.recipe_sha256 != load(classes, size=16, count=4).recipe_sha256


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    for i in range(3):
        picture(tmp_path / f"{i}.jpg", (i, i, i))
    found = load(tmp_path, size=16)
    assert len(found) == 3
    assert not found.labelled
    assert found.class_names == ()


def test_other_bytes_behind_the_same_names_are_another_recipe(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (1, 2, 3))
    before = load(tmp_path, size=16).recipe_sha256
    picture(tmp_path / "a.png", (1, 2, 4))
    assert load(tmp_path, size=16).recipe_sha256 != before


@pytest.mark.parametrize("size", [(64, 32), (32, 64)])
def test_the_centre_of_the_picture_is_kept(tmp_path: Path, size: tuple[int, int]) -> None:
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[size[1] // 2 - 14 : size[1] // 2 + 14, size[0] // 2 - 14 : size[0] // 2 + 14] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert (load(tmp_path, size=28).images == 200).mean() > 0.9


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_every_colour_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    Image.new("RGB", (20, 20), (9, 9, 9)).convert(mode).save(tmp_path / f"a.{suffix}")
    assert load(tmp_path, size=16).images.shape == (1, 16, 16, 3)


def test_a_missing_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        load(tmp_path / "none", size=16)


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images"):
        load(tmp_path, size=16)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n broken"])
def test_an_unreadable_image_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.png as an image"):
        load(tmp_path, size=16)


def test_a_truncated_image_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.png"):
        load(tmp_path, size=16)


def test_random_crops_stay_inside_and_are_mirrored_half_of_the_time(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (48, 1, 3))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    rising = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        pixels = imagefolder.augmented(tmp_path / "ramp.png", 16, rng).astype(int)
        assert pixels.shape == (16, 16, 3)
        rising += int(pixels[0, -1, 0] > pixels[0, 0, 0])
    assert 70 < rising < 130


def feed(folder: Path, batch: int = 4, model: str = "scenes_v2"):  # type: ignore[no-untyped-def]
    return feed_for(
        f"imagefolder:{folder}",
        registry.get(model),
        batch_size=batch,
        scenes_per_epoch=0,
        seed=0,
        workers=2,
    )


def test_the_feed_shows_every_image_once_an_epoch_in_another_order(classes: Path) -> None:
    found = feed(classes)
    orders = [
        [label for _, labels in found.batches(epoch, 0, 1) for label in labels.tolist()]
        for epoch in (0, 0, 1)
    ]
    assert orders[0] == orders[1] != orders[2]
    assert all(sorted(order) == [0] * 4 + [1] * 4 + [2] * 4 for order in orders)


def test_processes_share_a_batch_without_overlap(classes: Path) -> None:
    found = feed(classes)
    whole = [images for images, _ in found.batches(0, 0, 1)]
    halves = [[images for images, _ in found.batches(0, rank, 2)] for rank in (0, 1)]
    for batch, first, second in zip(whole, *halves, strict=True):
        assert np.array_equal(batch[0::2], first)
        assert np.array_equal(batch[1::2], second)


def test_the_feed_tests_on_val_where_there_is_one(tmp_path: Path) -> None:
    for part, count in (("train", 4), ("val", 3)):
        for name in ("a", "b"):
            for i in range(count):
                picture(tmp_path / part / name / f"{i}.png", (i, 0, 0))
    found = feed(tmp_path)
    assert found.steps == 2
    assert sum(len(part) for part in found.evaluation()) == 6
    assert list(feed(tmp_path / "train").evaluation()) == []


def test_a_val_with_other_classes_is_refused(tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / "train" / "a" / f"{i}.png", (i, 0, 0))
    picture(tmp_path / "val" / "b" / "0.png", (0, 0, 0))
    with pytest.raises(DataError, match="has not the class folders of"):
        feed(tmp_path)


def test_a_feed_without_class_folders_or_with_too_few_images_is_refused(
    tmp_path: Path, classes: Path
) -> None:
    flat = tmp_path / "flat"
    picture(flat / "a.png", (0, 0, 0))
    with pytest.raises(DataError, match="no class folders"):
        feed(flat)
    with pytest.raises(DataError, match="fewer than one batch of 64"):
        feed(classes, batch=64)


def test_more_classes_than_the_model_has_are_refused(tmp_path: Path) -> None:
    for i in range(11):
        picture(tmp_path / f"class{i:02}" / "a.png", (0, 0, 0))
    with pytest.raises(DataError, match="has 11 classes and the model 10"):
        feed(tmp_path)


RAMP = np.linspace(0, 255, 64 * 48).astype(np.uint8).reshape(48, 64)


def grey(array: np.ndarray, path: Path) -> np.ndarray:
    """What is read of a picture of these numbers, one channel of it."""
    Image.fromarray(array).save(path)
    read = np.asarray(decode(path))
    assert (read[..., 0] == read[..., 2]).all()
    return read[..., 1]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_are_brought_to_8_and_not_clipped(tmp_path: Path, suffix: str) -> None:
    read = grey(RAMP.astype(np.uint16) * 257, tmp_path / f"scan.{suffix}")
    np.testing.assert_array_equal(read, RAMP)


def test_dark_scans_of_16_bits_stay_dark(tmp_path: Path) -> None:
    assert grey(RAMP.astype(np.uint16), tmp_path / "dark.png").max() == 1


@pytest.mark.parametrize("largest", [1, 255])
def test_floats_are_shares_or_8_bit_values(tmp_path: Path, largest: int) -> None:
    read = grey((RAMP / 255 * largest).astype(np.float32), tmp_path / "float.tif")
    np.testing.assert_array_equal(read, RAMP)


@pytest.mark.parametrize("values", [np.float32([[-1, 2]]), np.int32([[0, 100_000]])])
def test_numbers_without_a_known_white_are_refused(tmp_path: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(tmp_path / "depth.tif")
    with pytest.raises(DataError, match=r"depth\.tif .* its values go from"):
        decode(tmp_path / "depth.tif")


def test_a_picture_is_turned_as_its_camera_was(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera was turned: the first row is the right-hand side.
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[0] = 255
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    read = np.asarray(decode(tmp_path / "turned.png"))
    assert read.shape == (40, 20, 3)
    assert read[:, -1].min() == 255 and read[:, 0].max() == 0


def test_a_picture_of_200_megapixels_is_read(tmp_path: Path) -> None:
    Image.new("1", (16320, 12240), 1).save(tmp_path / "phone.png")
    limit = Image.MAX_IMAGE_PIXELS
    assert load(tmp_path, size=16).images.min() == 255
    assert limit == Image.MAX_IMAGE_PIXELS


def test_a_picture_beyond_memory_is_refused_by_its_size(tmp_path: Path) -> None:
    Image.new("1", (20000, 20000)).save(tmp_path / "bomb.png")
    with pytest.raises(DataError, match="400 megapixels, and 300 are read"):
        decode(tmp_path / "bomb.png")


def test_a_folder_that_may_not_be_read_is_named(classes: Path) -> None:
    for shut in (classes, classes / "berry"):
        with closed(shut), pytest.raises(DataError, match=f"cannot read {shut}: Permission"):
            imagefolder.listing(classes)
    with closed(classes), pytest.raises(DataError, match="Permission denied"):
        ImageFolder(classes).identity()
