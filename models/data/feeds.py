"""What a training loop is fed: batches that follow from (seed, epoch) and nothing else.

A feed shares one global batch among `world` processes; process `rank` takes every `world`-th image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from edgebench.errors import UsageError
from edgebench.models.data import scenes
from edgebench.models.data.images import ImageSet, normalise
from edgebench.models.registry import ModelSpec

Batch = tuple[Tensor, Tensor]


class Feed(Protocol):
    """Training batches (B, 3, S, S), (B,) and a test set in parts, which may be none."""

    @property
    def steps(self) -> int: ...
    @property
    def recipe_sha256(self) -> str: ...
    def batches(self, epoch: int, rank: int, world: int) -> Iterator[Batch]: ...
    def evaluation(self) -> Iterator[ImageSet]: ...


@dataclass(frozen=True)
class SceneFeed:
    """Fresh digit scenes in every epoch, so that an epoch is only a unit of bookkeeping."""

    size: int
    scenes_per_epoch: int
    batch_size: int
    seed: int

    # How many batches are made at a time: enough to be fast, few enough to stay in cache.
    _BLOCK = 10

    @property
    def steps(self) -> int:
        return self.scenes_per_epoch // self.batch_size

    @property
    def recipe_sha256(self) -> str:
        return scenes.recipe_sha256(self.size)

    def batches(self, epoch: int, rank: int, world: int) -> Iterator[Batch]:
        for block, start in enumerate(range(0, self.steps, self._BLOCK)):
            count = min(self._BLOCK, self.steps - start) * self.batch_size
            made = scenes.train(count, (self.seed, epoch, block), self.size)
            images = torch.from_numpy(normalise(made.images, made.mean, made.std))
            labels = torch.from_numpy(made.labels)
            for first in range(0, count, self.batch_size):
                mine = slice(first + rank, first + self.batch_size, world)
                yield images[mine], labels[mine]

    def evaluation(self) -> Iterator[ImageSet]:
        yield scenes.evaluation(size=self.size)


def feed_for(
    data: str, spec: ModelSpec, batch_size: int, scenes_per_epoch: int, seed: int
) -> Feed:
    """The feed that `--data` names. Raises `UsageError` for an unknown one."""
    if data == "scenes":
        return SceneFeed(spec.input_size, scenes_per_epoch, batch_size, seed)
    raise UsageError(f"unknown data '{data}'", "known: scenes, imagefolder:PATH")
