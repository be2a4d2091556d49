"""Digit scenes made where a network is trained: `models.data.scenes` in torch's operations.

The distribution is the same, the random numbers are not: a generator of another device draws
others. So trainings on these scenes are never paired with those on numpy's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from edgebench.models.data import scenes
from edgebench.models.data.scenes import Recipe as Scenes


class Draws(Protocol):
    """Random numbers as tensors."""

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """float32 in [low, high)."""

    def integers(self, end: int, *shape: int) -> Tensor:
        """int64 in [0, end)."""


class DeviceDraws:
    """Random numbers that follow from the words of a seed and from the device."""

    def __init__(self, device: torch.device, *words: int) -> None:
        state = np.random.SeedSequence(words).generate_state(1, np.uint64)[0]
        self._generator = torch.Generator(device).manual_seed(int(state >> np.uint64(1)))
        self._device = device

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        drawn = torch.rand(shape, generator=self._generator, device=self._device)
        return low + drawn * (high - low)

    def integers(self, end: int, *shape: int) -> Tensor:
        return torch.randint(end, shape, generator=self._generator, device=self._device)


@dataclass(frozen=True)
class PlacedDigits:
    """Where the k digits of N scenes stand: (N, k) tensors, fractions of the side.

    `source` indexes the split's digits.
    """

    source: Tensor
    size: Tensor
    top: Tensor
    left: Tensor


class SceneMaker:
    """Makes scenes of a split's digits on a device."""

    def __init__(self, recipe: Scenes, size: int, device: torch.device, split: str = "train"):
        ink, values = scenes.digits(split)
        self._recipe, self._size = recipe, size
        self._ink = torch.from_numpy(ink).to(device)
        self._values = torch.from_numpy(values).to(device)

    def __call__(self, draws: Draws, count: int, digits: int) -> tuple[Tensor, Tensor]:
        """Normalised images (count, 3, S, S) of so many digits each, and labels (count,)."""
        placed = self.lay_out(draws, count, digits)
        pixels = self.paint(draws, placed)
        mean, std = (torch.tensor(x, device=pixels.device) for x in (scenes.MEAN, scenes.STD))
        images = (pixels / 255 - mean[:, None, None]) / std[:, None, None]
        return images, self.labels(placed)

    def labels(self, placed: PlacedDigits) -> Tensor:
        topmost = (placed.top + placed.size / 2).argmin(1, keepdim=True)
        return self._values[placed.source.gather(1, topmost)[:, 0]]

    def lay_out(self, draws: Draws, count: int, digits: int) -> PlacedDigits:
        """Digits at random places, of which those that touch or have no topmost are drawn again."""
        recipe, kept, found = self._recipe, [], 0
        while found < count:
            drawn = draws.uniform(0.0, 1.0, 3, 16 * count, digits)
            size = recipe.smallest + drawn[0] * (recipe.largest - recipe.smallest)
            top, left = drawn[1:] * (1 - size)
            fits = _acceptable(size, top, left, recipe.clearance)
            kept.append(torch.stack((size, top, left))[:, fits])
            found += kept[-1].shape[1]
        size, top, left = torch.cat(kept, 1)[:, :count]
        return PlacedDigits(draws.integers(len(self._ink), count, digits), size, top, left)

    def paint(self, draws: Draws, placed: PlacedDigits) -> Tensor:
        """Pixels (N, 3, S, S), whole numbers from 0 to 255 as float32."""
        recipe, size = self._recipe, self._size
        count, digits = placed.source.shape
        canvas = self._background(draws, count)
        for _ in range(recipe.fragments):
            patch = self._fragments(draws, count)
            where = draws.uniform(0.0, 0.9, 2, count)
            extent = draws.uniform(0.08, 0.22, count)
            mask = recipe.fragment_opacity * _place(patch, extent, where[0], where[1], size)
            _paint(canvas, mask, draws.uniform(0.0, 1.0, count, 3))
        for k in range(digits):
            ink = self._ink[placed.source[:, k]]
            mask = _place(ink, placed.size[:, k], placed.top[:, k], placed.left[:, k], size)
            _paint(canvas, mask, draws.uniform(0.65, 1.0, count, 3))
        canvas += 2 * recipe.noise * (draws.uniform(0.0, 1.0, *canvas.shape) - 0.5)
        return (canvas * 255 + 0.5).clamp_(0, 255).floor_()

    def _background(self, draws: Draws, count: int) -> Tensor:
        device = self._ink.device
        canvas = torch.full((count, 3, self._size, self._size), 0.25, device=device)
        whole, edge = torch.ones(1, device=device), torch.zeros(1, device=device)
        for cells, strength in ((3, 0.25), (8, 0.12)):
            weights = _interpolation(whole, edge, cells, self._size)[0]
            weights = weights / weights.sum(1, keepdim=True)
            grid = draws.uniform(-strength, strength, count, 3, cells, cells)
            canvas += weights @ grid @ weights.T
        return canvas

    def _fragments(self, draws: Draws, count: int) -> Tensor:
        corner = draws.integers(5, 2, count)
        chosen = draws.integers(len(self._ink), count)
        offsets = torch.arange(4, device=corner.device)
        rows = corner[0][:, None, None] + offsets[:, None]
        columns = corner[1][:, None, None] + offsets
        return self._ink[chosen[:, None, None], rows, columns]


def _acceptable(size: Tensor, top: Tensor, left: Tensor, clearance: float) -> Tensor:
    """(N,) as `scenes._acceptable`: no two boxes touch, the topmost centre is clear."""
    y, x = top + size / 2, left + size / 2
    reach = (size[:, :, None] + size[:, None, :]) / 2
    rise, run = (abs(axis[:, :, None] - axis[:, None, :]) for axis in (y, x))
    others = ~torch.eye(size.shape[1], dtype=torch.bool, device=size.device)
    fits = ~((torch.maximum(rise, run) < reach) & others).flatten(1).any(1)
    if size.shape[1] > 1:
        heights = y.sort(1).values
        fits &= heights[:, 1] - heights[:, 0] >= clearance
    return fits


def _place(patch: Tensor, extent: Tensor, top: Tensor, left: Tensor, size: int) -> Tensor:
    """Square patches (N, p, p), scaled to `extent`, on empty (N, size, size) masks."""
    rows = _interpolation(extent, top, patch.shape[1], size)
    columns = _interpolation(extent, left, patch.shape[2], size)
    return rows @ patch @ columns.transpose(1, 2)


def _interpolation(extent: Tensor, start: Tensor, cells: int, size: int) -> Tensor:
    """(N, size, cells) weights: what each pixel takes from each cell, linearly between centres."""
    pixel = (torch.arange(size, dtype=torch.float32, device=extent.device) + 0.5) / size
    position = (pixel - start[:, None]) / extent[:, None] * cells - 0.5
    centres = torch.arange(cells, dtype=torch.float32, device=extent.device)
    return (1 - abs(position[:, :, None] - centres)).clamp_(min=0)


def _paint(canvas: Tensor, mask: Tensor, colour: Tensor) -> None:
    canvas += mask[:, None] * (colour[:, :, None, None] - canvas)
