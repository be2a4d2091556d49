"""Folders of pictures, decoded with Pillow: for calibration, evaluation and training.

A folder with class subfolders, as ImageNet's are, gives labels: the subfolders in the order of
their names. A flat folder of pictures gives none. Everything is ordered by name, so that a folder
means the same set everywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edgebench.errors import DataError
from edgebench.models.data import pictures
from edgebench.models.data.images import ImageSet, Pixels
from edgebench.models.data.parts import unreadable
from edgebench.models.data.pictures import Frame, Labelled, decode

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm"})

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


def _pictures(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES)


def read(found: Listing, chosen: Sequence[int], height: int, width: int) -> ImageSet:
    """The chosen images of a listing, (N, height, width, 3), each scaled and cut to its centre.

    Those that cannot be read are named and left out. Raises `DataError` where none can be read.
    """
    files = [Labelled(found.files[i], None, i) for i in chosen]
    made = pictures.read(files, Frame(height, width, "crop"), str(found.folder))
    labels = np.array([found.labels[i] for i in made.labels] if found.labels else [], np.int64)
    names = [str(found.files[i].relative_to(found.folder)) for i in made.labels]
    digest = hashlib.sha256(json.dumps(["imagefolder/2", height, width, names]).encode())
    digest.update(made.images.tobytes())
    return ImageSet(
        made.images, labels, found.class_names, MEAN, STD, digest.hexdigest(), made.left_out
    )


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
