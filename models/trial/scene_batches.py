"""The images of a trial: for each seed the same for every kind of attention."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from edgebench.models.data import scenes
from edgebench.models.data.images import Labels, Pixels, normalise
from edgebench.models.trial.recipe import TrialRecipe

BLOCK = 8
"""So many batches are made at a time."""

KEPT_BYTES = 300e6

_TEST_SEED = 3_000_017
_CHUNK = 128


def batches(recipe: TrialRecipe, seed: int, step: int) -> tuple[Tensor, Tensor]:
    """Images (B, 3, S, S), normalised, and labels (B,) of a step."""
    pixels, labels = _block(recipe, seed, step // BLOCK)
    place = slice(step % BLOCK * recipe.batch, (step % BLOCK + 1) * recipe.batch)
    return _tensors(pixels[place]), torch.from_numpy(labels[place])


def _block(recipe: TrialRecipe, seed: int, block: int) -> tuple[Pixels, Labels]:
    """Batches of one block, kept where a whole training's fit: all kinds of a seed follow each
    other, and making images takes a fifth of the time of a training."""
    kept = _kept(recipe, seed)
    made = kept.get(block)
    if made is None:
        digits = recipe.digits(block * BLOCK)
        made = _made(recipe, "train", recipe.batch * BLOCK, (seed, block), digits)
        if recipe.images * recipe.size**2 * 3 <= KEPT_BYTES:
            kept[block] = made
    return made


@functools.lru_cache(maxsize=1)
def _kept(recipe: TrialRecipe, seed: int) -> dict[int, tuple[Pixels, Labels]]:
    return {}


@functools.lru_cache(maxsize=1)
def test_set(recipe: TrialRecipe) -> tuple[Pixels, Labels]:
    """Scenes of digits that no training sees, the same for every training."""
    return _made(recipe, "test", recipe.test_images, _TEST_SEED, recipe.scenes.digits)


def test_batches(recipe: TrialRecipe) -> list[tuple[Tensor, Labels]]:
    pixels, labels = test_set(recipe)
    parts = (slice(at, at + 500) for at in range(0, len(labels), 500))
    return [(_tensors(pixels[part]), labels[part]) for part in parts]


def _tensors(pixels: Pixels) -> Tensor:
    images = torch.from_numpy(normalise(pixels, scenes.MEAN, scenes.STD))
    return images.contiguous(memory_format=torch.channels_last)


def _made(
    recipe: TrialRecipe, split: str, count: int, seed: int | Sequence[int], digits: int
) -> tuple[Pixels, Labels]:
    rng = np.random.default_rng(seed)
    drawn = replace(recipe.scenes, digits=digits)
    images = np.empty((count, recipe.size, recipe.size, 3), np.uint8)
    labels = np.empty(count, np.int64)
    for start in range(0, count, _CHUNK):
        part = slice(start, min(count, start + _CHUNK))
        layout = scenes.lay_out(rng, split, part.stop - part.start, drawn)
        images[part], labels[part] = scenes.render(rng, split, layout, recipe.size, drawn)
    return images, labels
