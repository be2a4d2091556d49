"""Digit scenes: a data set that needs no download and whose labels depend on *where* things are.

Several handwritten digits (scikit-learn's 1,797 real ones, 8x8 pixels) stand at random places and
sizes, in random light colours, on a cluttered dark one. The label is the value of the topmost
digit, so that a network has to recognise the digits and to keep where they are: what coordinate
attention claims to preserve and global pooling to lose. Digits of training scenes never stand in
test scenes. Everything follows from a seed.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from edgebench.models.data.images import Floats, ImageSet, Labels

SIZE = 48
CLASS_NAMES = tuple(f"topmost {digit}" for digit in range(10))
DIGITS = tuple(str(digit) for digit in range(10))
NAMES = {
    "classification": CLASS_NAMES,
    "detection": DIGITS,
    "segmentation": ("background", *DIGITS),
}
"""The classes by task."""

INK = 0.5
"""A pixel belongs to a digit that covers so much of it."""

MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)
TEST_DIGITS = 500
EVALUATION_SEED = 1_000_001
CALIBRATION_SEED = 2_000_003
_CHUNK = 128


@dataclass(frozen=True)
class Recipe:
    """How a scene is made. Lengths are fractions of the side of the image."""

    digits: int = 3
    smallest: float = 0.28
    largest: float = 0.38
    # The topmost digit's centre is at least this far above every other digit's centre.
    clearance: float = 0.10
    # The fragments of digits that are strewn as clutter, and how strongly they show.
    fragments: int = 4
    fragment_opacity: float = 0.35
    # The most by which noise changes a pixel either way; the whole range is 1.
    noise: float = 0.04


RECIPE = Recipe()


@dataclass(frozen=True)
class Layout:
    """Where the digits of N scenes of k digits stand: (N, k) arrays, fractions of the side.

    `source` indexes the split's digits.
    """

    source: npt.NDArray[np.int64]
    size: Floats
    top: Floats
    left: Floats

    @property
    def centre(self) -> Floats:
        """Height of each digit's centre, from the top."""
        return np.asarray(self.top + self.size / 2, np.float32)

    @property
    def topmost(self) -> npt.NDArray[np.int64]:
        """(N,) which of the k digits has the highest centre."""
        return np.asarray(self.centre.argmin(axis=1), np.int64)


@functools.cache
def digits(split: str) -> tuple[Floats, Labels]:
    """The digits of a split, "train" or "test": (D, 8, 8) ink in [0, 1] and (D,) their values."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    train, test = train_test_split(
        np.arange(len(data.target)), test_size=TEST_DIGITS, random_state=0, stratify=data.target
    )
    chosen = {"train": train, "test": test}[split]
    return (data.images[chosen] / 16).astype(np.float32), data.target[chosen].astype(np.int64)


@dataclass(frozen=True)
class Things:
    """What is where in N scenes: `boxes` (things, 4) float32, left, top, right and bottom in
    pixels; `classes` (things,) the digits; `offsets` (N + 1,), of which scene i has the things
    offsets[i]..offsets[i + 1] - 1; `maps` (N, size, size) uint8, 0 for the background and one more
    than the digit where there is one."""

    boxes: Floats
    classes: Labels
    offsets: Labels
    maps: npt.NDArray[np.uint8]


def with_things(
    split: str, count: int, seed: int | Sequence[int], size: int
) -> tuple[npt.NDArray[np.uint8], Things]:
    """The scenes that a split and a seed make, (count, size, size, 3), and what is in them."""
    rng = np.random.default_rng(seed)
    images = np.empty((count, size, size, 3), np.uint8)
    maps = np.zeros((count, size, size), np.uint8)
    boxes, classes, counts = [], [], []
    for start in range(0, count, _CHUNK):
        part = slice(start, min(count, start + _CHUNK))
        layout = lay_out(rng, split, part.stop - part.start, RECIPE)
        images[part], masks = _painted(rng, split, layout, size, RECIPE)
        values = digits(split)[1][layout.source]
        inked = masks >= INK
        maps[part] = (inked * (values + 1)[:, :, None, None]).max(1)
        for scene, there in enumerate(inked):
            found = [(_tight(mask), values[scene, k]) for k, mask in enumerate(there) if mask.any()]
            boxes += [box for box, _ in found]
            classes += [value for _, value in found]
            counts.append(len(found))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    made = np.array(boxes, np.float32).reshape(-1, 4), np.array(classes, np.int64)
    return images, Things(*made, offsets, maps)


def _tight(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom around the pixels of a mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def train(count: int, seed: int | Sequence[int] = 0, size: int = SIZE) -> ImageSet:
    """`count` scenes of training digits."""
    return _image_set("train", count, seed, size)


def evaluation(count: int = 2000, size: int = SIZE) -> ImageSet:
    """The test set: scenes of test digits, the same at every call."""
    return _image_set("test", count, EVALUATION_SEED, size)


def calibration(count: int = 256, size: int = SIZE) -> ImageSet:
    """Scenes of training digits for quantisation, with a seed that training does not use."""
    return _image_set("train", count, CALIBRATION_SEED, size)


def recipe_sha256(size: int, recipe: Recipe = RECIPE) -> str:
    """Identifies the distribution of scenes: all parameters of the recipe and the image size."""
    text = json.dumps({"kind": "scenes/1", "size": size, **asdict(recipe)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _image_set(split: str, count: int, seed: int | Sequence[int], size: int) -> ImageSet:
    rng = np.random.default_rng(seed)
    images = np.empty((count, size, size, 3), np.uint8)
    labels = np.empty(count, np.int64)
    for start in range(0, count, _CHUNK):
        part = slice(start, min(count, start + _CHUNK))
        layout = lay_out(rng, split, part.stop - part.start, RECIPE)
        images[part], labels[part] = render(rng, split, layout, size, RECIPE)
    return ImageSet(images, labels, CLASS_NAMES, MEAN, STD, recipe_sha256(size))


def lay_out(rng: np.random.Generator, split: str, count: int, recipe: Recipe) -> Layout:
    """Place digits at random until none touch and one is clearly the topmost in every scene."""
    shape = (count, recipe.digits)
    source = rng.integers(len(digits(split)[0]), size=shape)
    size, top, left = (np.empty(shape, np.float32) for _ in range(3))
    todo = np.arange(count)
    while len(todo):
        drawn = rng.random((3, len(todo), recipe.digits), np.float32)
        size[todo] = recipe.smallest + drawn[0] * (recipe.largest - recipe.smallest)
        top[todo], left[todo] = drawn[1:] * (1 - size[todo])
        todo = todo[~_acceptable(size[todo], top[todo], left[todo], recipe.clearance)]
    return Layout(source, size, top, left)


def _acceptable(size: Floats, top: Floats, left: Floats, clearance: float) -> npt.NDArray[np.bool_]:
    """(N,) whether no two boxes touch and the topmost centre is clear of the next."""
    y, x = top + size / 2, left + size / 2
    reach = (size[:, :, None] + size[:, None, :]) / 2
    apart = np.maximum(np.abs(y[:, :, None] - y[:, None, :]), np.abs(x[:, :, None] - x[:, None, :]))
    touching = (apart < reach) & ~np.eye(size.shape[1], dtype=bool)
    heights = np.sort(y, axis=1)
    clear = heights[:, 1] - heights[:, 0] >= clearance if size.shape[1] > 1 else True
    return np.asarray(~touching.any(axis=(1, 2)) & clear, np.bool_)


def render(
    rng: np.random.Generator, split: str, layout: Layout, size: int, recipe: Recipe
) -> tuple[npt.NDArray[np.uint8], Labels]:
    """Paint N scenes: (N, size, size, 3) pixels and (N,) labels."""
    pixels, _ = _painted(rng, split, layout, size, recipe)
    topmost = layout.source[np.arange(len(pixels)), layout.topmost]
    return pixels, digits(split)[1][topmost]


def _painted(
    rng: np.random.Generator, split: str, layout: Layout, size: int, recipe: Recipe
) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Paint N scenes of k digits: the pixels, and how much of each (N, k, size, size) a digit
    covers."""
    count = len(layout.source)
    canvas = _background(rng, count, size)
    ink, _ = digits(split)
    for _ in range(recipe.fragments):
        patch = _fragments(rng, ink, count)
        where = rng.uniform(0.0, 0.9, (2, count)).astype(np.float32)
        extent = rng.uniform(0.08, 0.22, count).astype(np.float32)
        mask = recipe.fragment_opacity * _place(patch, extent, where[0], where[1], size)
        _paint(canvas, mask, rng.random((count, 3), np.float32))
    masks = np.empty((*layout.source.shape, size, size), np.float32)
    for k in range(layout.source.shape[1]):
        masks[:, k] = mask = _place(
            ink[layout.source[:, k]], layout.size[:, k], layout.top[:, k], layout.left[:, k], size
        )
        _paint(canvas, mask, rng.uniform(0.65, 1.0, (count, 3)).astype(np.float32))
    canvas += 2 * recipe.noise * (rng.random(canvas.shape, np.float32) - 0.5)
    pixels = np.clip(canvas * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)), masks


def _place(patch: Floats, extent: Floats, top: Floats, left: Floats, size: int) -> Floats:
    """Scale square patches (N, p, p) to `extent` and set them on empty (N, size, size) masks."""
    rows = _interpolation(extent, top, patch.shape[1], size)
    columns = _interpolation(extent, left, patch.shape[2], size)
    painted: Floats = np.matmul(np.matmul(rows, patch), columns.transpose(0, 2, 1))
    return painted


def _interpolation(extent: Floats, start: Floats, cells: int, size: int) -> Floats:
    """(N, size, cells) weights: what each pixel takes from each cell, linearly between centres."""
    pixel = (np.arange(size, dtype=np.float32) + 0.5) / size
    position = (pixel[None] - start[:, None]) / extent[:, None] * cells - 0.5
    distance = np.abs(position[:, :, None] - np.arange(cells, dtype=np.float32))
    weights: Floats = np.maximum(0, 1 - distance)
    return weights


def _paint(canvas: Floats, mask: Floats, colour: Floats) -> None:
    """Blend a colour (N, 3) into the canvas (N, 3, S, S) where the mask (N, S, S) says."""
    canvas += mask[:, None] * (colour[:, :, None, None] - canvas)


def _background(rng: np.random.Generator, count: int, size: int) -> Floats:
    """(N, 3, S, S) smooth dark colour in coarse and finer patches."""
    canvas = np.full((count, 3, size, size), 0.25, np.float32)
    for cells, strength in ((3, 0.25), (8, 0.12)):
        weights = _interpolation(np.ones(1, np.float32), np.zeros(1, np.float32), cells, size)[0]
        weights /= weights.sum(axis=1, keepdims=True)
        grid = rng.uniform(-strength, strength, (count, 3, cells, cells)).astype(np.float32)
        canvas += np.matmul(np.matmul(weights, grid), weights.T)
    return canvas


def _fragments(rng: np.random.Generator, ink: Floats, count: int) -> Floats:
    """(N, 4, 4) corners of random digits: strokes that mean nothing."""
    corner = rng.integers(0, 5, (2, count))
    offsets = np.arange(4)
    rows = corner[0][:, None, None] + offsets[None, :, None]
    columns = corner[1][:, None, None] + offsets[None, None, :]
    chosen = rng.integers(len(ink), size=count)[:, None, None]
    return np.asarray(ink[chosen, rows, columns], np.float32)
