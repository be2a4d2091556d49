"""Scenes that a device makes are those that NumPy makes."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from scipy import stats

from edgebench.models.data import scenes
from edgebench.models.trial.device_scenes import DeviceDraws, PlacedDigits, SceneMaker

CPU = torch.device("cpu")


class NumpysDraws:
    """The random numbers that numpy's maker of scenes draws, in its order."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        if (low, high) == (0.0, 1.0):
            return torch.from_numpy(self._rng.random(shape, np.float32))
        return torch.from_numpy(self._rng.uniform(low, high, shape).astype(np.float32))

    def integers(self, end: int, *shape: int) -> torch.Tensor:
        return torch.from_numpy(self._rng.integers(end, size=shape))


@pytest.mark.parametrize("count", [1, 3])
def test_a_devices_scenes_are_painted_as_numpys(count: int) -> None:
    recipe = replace(scenes.RECIPE, digits=count)
    placed = scenes.lay_out(np.random.default_rng(1), "train", 40, recipe)
    pixels, labels = scenes.render(np.random.default_rng(2), "train", placed, 48, recipe)
    maker = SceneMaker(recipe, 48, CPU)
    same = PlacedDigits(*(torch.from_numpy(getattr(placed, f.name)) for f in fields(PlacedDigits)))
    painted = maker.paint(NumpysDraws(np.random.default_rng(2)), same)
    difference = painted.permute(0, 2, 3, 1).numpy() - pixels.astype(np.float32)
    assert np.abs(difference).max() <= 1 and np.mean(difference != 0) < 1e-3  # Of rounding.
    assert np.array_equal(maker.labels(same).numpy(), labels)


def test_a_devices_scenes_are_laid_out_as_numpys() -> None:
    ours = SceneMaker(scenes.RECIPE, 48, CPU).lay_out(DeviceDraws(CPU, 3, 4), 4000, 3)
    theirs = scenes.lay_out(np.random.default_rng(5), "train", 4000, scenes.RECIPE)
    for name in ("size", "top", "left"):
        pair = getattr(ours, name).numpy(), getattr(theirs, name)
        for made in (lambda x: x.ravel(), lambda x: x.max(1) - x.min(1)):
            assert stats.ks_2samp(made(pair[0]), made(pair[1])).pvalue > 1e-3, name
    each = [getattr(ours, name).numpy() for name in ("size", "top", "left")]
    assert scenes._acceptable(*each, scenes.RECIPE.clearance).all()
    assert len(np.unique(ours.source)) > 1200
