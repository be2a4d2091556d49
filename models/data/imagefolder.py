"""Folders of pictures, decoded with Pillow: for calibration, evaluation and training.

A folder with class subfolders, as ImageNet's are, gives labels: the subfolders in the order of
their names. A flat folder of pictures gives none. Everything is ordered by name, so that a folder
means the same set everywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from edgebench.errors import DataError
from edgebench.models.data.images import ImageSet, Pixels

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm"})
LARGEST_PIXELS = 300_000_000
"""Decoded, such a picture takes a gigabyte of memory."""

# Evaluation scales the short side to size / 0.875 and takes the centre: 256 and 224 for ImageNet.
CENTRE_SHARE = 0.875
# Random resized crop, Szegedy et al., "Going deeper with convolutions", CVPR 2015, section 6.
CROP_AREA = (0.08, 1.0)
CROP_RATIO = (3 / 4, 4 / 3)
_CROP_TRIES = 10


@dataclass(frozen=True)
class Listing:
    """The pictures under a folder in the order of their names; `labels` is empty for a flat one."""

    folder: Path
    files: tuple[Path, ...]
    labels: tuple[int, ...]
    class_names: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Identifies the set by the names and sizes of its files."""
        rows = [(str(f.relative_to(self.folder)), f.stat().st_size) for f in self.files]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def listing(folder: Path) -> Listing:
    """List a folder. Raises `DataError` where it is missing, closed to us or holds no picture."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder", "give a folder of images")
    try:
        classes = sorted(d for d in folder.iterdir() if d.is_dir() and not d.name.startswith("."))
        found = [(f, label) for label, name in enumerate(classes) for f in _pictures(name)]
        flat = [] if found else _pictures(folder)
    except OSError as error:
        raise unreadable(error) from error
    if found:
        files, labels = zip(*found, strict=True)
        return Listing(folder, files, labels, tuple(name.name for name in classes))
    if not flat:
        raise DataError(
            f"{folder} holds no images",
            "give a folder of images or of one subfolder a class; "
            f"known: {', '.join(sorted(SUFFIXES))}",
        )
    return Listing(folder, tuple(flat), (), ())


def unreadable(error: OSError) -> DataError:
    """The error for a file or folder of the data that the system does not let us read."""
    return DataError(f"cannot read {error.filename}: {error.strerror}", "check its permissions")


def _pictures(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES)


def spread(total: int, wanted: int) -> list[int]:
    """So many of the numbers below `total`, at even distances: every class has its share."""
    return [i * total // wanted for i in range(wanted)]


def read(found: Listing, chosen: Sequence[int], height: int, width: int) -> ImageSet:
    """The chosen images of a listing, (N, height, width, 3), each scaled and cut to its centre.

    Those that cannot be read are named and left out. Raises `DataError` where none can be read.
    """
    images, kept, left_out = [], [], []
    for index in chosen:
        try:
            images.append(centre(decode(found.files[index]), height, width))
        except DataError as error:
            left_out.append(error.message)
        else:
            kept.append(index)
    if not images:
        raise DataError(f"no image of {found.folder} can be read: {left_out[0]}", "replace them")
    labels = np.array([found.labels[i] for i in kept] if found.labels else [], np.int64)
    names = [str(found.files[i].relative_to(found.folder)) for i in kept]
    pixels = np.stack(images)
    digest = hashlib.sha256(json.dumps(["imagefolder/2", height, width, names]).encode())
    digest.update(pixels.tobytes())
    return ImageSet(
        pixels, labels, found.class_names, MEAN, STD, digest.hexdigest(), tuple(left_out)
    )


def decode(path: Path) -> Image.Image:
    """The picture upright and in 8-bit RGB. Raises `DataError` for what cannot be read as one."""
    try:
        with _of_any_size(), Image.open(path) as picture:
            pixels = picture.width * picture.height
            if pixels > LARGEST_PIXELS:
                raise ValueError(
                    f"it has {pixels / 1e6:.0f} megapixels, and {LARGEST_PIXELS / 1e6:.0f} are read"
                )
            return ImageOps.exif_transpose(_in_8_bits(picture)).convert("RGB")
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as error:
        raise DataError(
            f"cannot read {path} as an image: {error}", "remove or replace it"
        ) from error


@contextmanager
def _of_any_size() -> Iterator[None]:
    """Let Pillow open more than its own limit: the cameras of phones have 200 megapixels."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _in_8_bits(picture: Image.Image) -> Image.Image:
    """Scans of more bits by their whole range; Pillow itself would clip them at 255."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture)
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        largest = 1.0 if high <= 1 else 255.0
    else:
        largest = 255.0 if picture.mode == "I" and high <= 255 else 65535.0
    if not 0 <= low <= high <= largest:
        raise ValueError(f"its values go from {low:g} to {high:g}, and {largest:g} is white")
    grey = Image.fromarray(np.rint(values * (255 / largest)).astype(np.uint8))
    grey.info = picture.info
    return grey


def centre(picture: Image.Image, height: int, width: int) -> Pixels:
    """(height, width, 3): scaled until one side is the wanted one / 0.875, then the centre."""
    scale = max(width / picture.width, height / picture.height) / CENTRE_SHARE
    wide = max(width, round(picture.width * scale))
    high = max(height, round(picture.height * scale))
    picture = picture.resize((wide, high), Image.Resampling.BILINEAR)
    left, top = (wide - width) // 2, (high - height) // 2
    return np.asarray(picture.crop((left, top, left + width, top + height)))


def augmented(path: Path, size: int, rng: np.random.Generator) -> Pixels:
    """(size, size, 3): a random part of the picture, scaled, and mirrored half of the time."""
    picture = decode(path)
    box = _random_box(picture.width, picture.height, rng)
    pixels = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=box))
    return np.ascontiguousarray(pixels[:, ::-1]) if rng.random() < 0.5 else pixels


def _random_box(width: int, height: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    for _ in range(_CROP_TRIES):
        area = width * height * rng.uniform(*CROP_AREA)
        ratio = np.exp(rng.uniform(*np.log(CROP_RATIO)))
        w, h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        if 0 < w <= width and 0 < h <= height:
            left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            return left, top, left + w, top + h
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side
