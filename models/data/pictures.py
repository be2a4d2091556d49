"""Pictures as models see them: decoded, upright, in RGB, brought to the size of the input."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from edgebench.errors import DataError
from edgebench.models.data.images import Floats, Pixels

L = TypeVar("L")
Resize = Literal["crop", "stretch", "pad"]
Size = tuple[int, int]
"""Width and height, as Pillow has them."""

LARGEST_PIXELS = 300_000_000
"""Decoded, such a picture takes a gigabyte of memory."""

# Evaluation scales the short side to size / 0.875 and takes the centre: 256 and 224 for ImageNet.
CENTRE_SHARE = 0.875
# The grey around padded pictures, as YOLO's are trained with.
PADDING = (114, 114, 114)


@dataclass(frozen=True)
class Frame:
    """The size of a model's input in pixels, and how a picture is brought to it.

    `crop` scales the picture until one side is the wanted one / 0.875 and takes the centre;
    `stretch` takes all of it and ignores its proportions; `pad` keeps both, with grey around it.
    """

    height: int
    width: int
    resize: Resize


@dataclass(frozen=True)
class Placement:
    """A picture in a frame: scaled to `wide` x `high`, its corner at (`left`, `top`)."""

    wide: int
    high: int
    left: int
    top: int


@dataclass(frozen=True)
class Labelled(Generic[L]):
    """A picture's file and its labels, which refer to a picture of `size`, if that is known."""

    path: Path
    size: Size | None
    labels: L


@dataclass(frozen=True)
class Read(Generic[L]):
    """Pictures (N, height, width, 3), with the size that each had, and its labels.

    `left_out` says which could not be read, and why.
    """

    images: Pixels
    sizes: tuple[Size, ...]
    labels: tuple[L, ...]
    left_out: tuple[str, ...]


def read(chosen: Sequence[Labelled[L]], frame: Frame, source: str) -> Read[L]:
    """Read pictures into a frame. Raises `DataError` where none can be read."""
    images = np.empty((len(chosen), frame.height, frame.width, 3), np.uint8)
    sizes: list[Size] = []
    labels: list[L] = []
    left_out: list[str] = []
    for one in chosen:
        try:
            picture = decode(one.path, one.size)
        except DataError as error:
            left_out.append(error.message)
            continue
        images[len(labels)] = framed(picture, frame)
        sizes.append(picture.size)
        labels.append(one.labels)
    if not labels:
        reason = f": {left_out[0]}" if left_out else ""
        raise DataError(f"no image of {source} can be read{reason}", "replace them")
    return Read(images[: len(labels)], tuple(sizes), tuple(labels), tuple(left_out))


def decode(path: Path, size: Size | None = None) -> Image.Image:
    """The picture upright, in 8-bit RGB, and on white where it is transparent.

    Labels may count the pixels of the picture as it is stored, ignoring its EXIF rotation; their
    `size` tells. Raises `DataError` for what cannot be read as a picture of that size.
    """
    try:
        with _of_any_size(), Image.open(path) as picture:
            pixels = picture.width * picture.height
            if pixels > LARGEST_PIXELS:
                raise ValueError(
                    f"it has {pixels / 1e6:.0f} megapixels, and {LARGEST_PIXELS / 1e6:.0f} are read"
                )
            stored = _in_8_bits(picture)
            upright = ImageOps.exif_transpose(stored)
            if size in (None, upright.size):
                return _on_white(upright)
            if size != stored.size:
                raise ValueError(
                    f"it has {upright.width}x{upright.height} pixels, and its labels are for "
                    f"{size[0]}x{size[1]}"
                )
            return _on_white(stored)
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
        picture.load()
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


def _on_white(picture: Image.Image) -> Image.Image:
    """In RGB. What lies under transparent pixels was never meant to be seen."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    seen = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")


def placed(size: Size, frame: Frame) -> Placement:
    """Where a picture of that size lies in a frame."""
    if frame.resize == "stretch":
        return Placement(frame.width, frame.height, 0, 0)
    scales = frame.width / size[0], frame.height / size[1]
    if frame.resize == "pad":
        wide, high = (max(1, round(side * min(scales))) for side in size)
        return Placement(wide, high, (frame.width - wide) // 2, (frame.height - high) // 2)
    scale = max(scales) / CENTRE_SHARE
    wide = max(frame.width, round(size[0] * scale))
    high = max(frame.height, round(size[1] * scale))
    return Placement(wide, high, -((wide - frame.width) // 2), -((high - frame.height) // 2))


def framed(picture: Image.Image, frame: Frame) -> Pixels:
    """A picture in a frame, (height, width, 3)."""
    place = placed(picture.size, frame)
    canvas = Image.new("RGB", (frame.width, frame.height), PADDING)
    scaled = picture.resize((place.wide, place.high), Image.Resampling.BILINEAR)
    canvas.paste(scaled, (place.left, place.top))
    return np.asarray(canvas)


def framed_boxes(boxes: Floats, size: Size, frame: Frame) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Boxes (n, 4) of a picture, left, top, right and bottom, cut to the frame; which are in it."""
    place = placed(size, frame)
    scale = np.array([place.wide / size[0], place.high / size[1]] * 2, np.float32)
    moved = boxes * scale + np.array([place.left, place.top] * 2, np.float32)
    edges = np.array([frame.width, frame.height] * 2, np.float32)
    inside = np.clip(moved, 0, edges)
    return inside, np.all(inside[:, 2:] > inside[:, :2], axis=1)


def framed_map(values: npt.NDArray[Any], frame: Frame, rest: int) -> npt.NDArray[Any]:
    """A map of classes (height, width) in a frame by its nearest pixels, `rest` around it."""
    place = placed((values.shape[1], values.shape[0]), frame)
    canvas = np.full((frame.height, frame.width), rest, values.dtype)
    rows = _nearest(frame.height, place.top, place.high, values.shape[0])
    columns = _nearest(frame.width, place.left, place.wide, values.shape[1])
    inside = np.ix_(rows >= 0, columns >= 0)
    canvas[inside] = values[np.ix_(rows[rows >= 0], columns[columns >= 0])]
    return canvas


def _nearest(count: int, start: int, scaled: int, stored: int) -> npt.NDArray[np.int64]:
    """For each of the frame's rows that of the stored picture; -1 where it is outside."""
    places = np.arange(count) - start
    found = ((places + 0.5) * stored / scaled).astype(np.int64)
    return np.where((places >= 0) & (places < scaled), found, -1)


def left_out(reasons: Iterable[str], source: str) -> tuple[str, ...]:
    """A sentence on what could not be read, if anything."""
    every = tuple(reasons)
    if not every:
        return ()
    which = "1 image" if len(every) == 1 else f"{len(every)} images"
    return (f"{which} of {source} left out: {every[0]}",)


def png(image: Pixels) -> bytes:
    """An image (height, width, 3) as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
