"""What a training loop is fed: batches that follow from (seed, epoch) and nothing else.

A feed shares one global batch among `world` processes; process `rank` takes every `world`-th image.
An epoch can begin at any of its steps, `first`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from edgebench.errors import DataError, UsageError
from edgebench.models.data import imagefolder, scenes
from edgebench.models.data.images import ImageSet, Pixels, normalise
from edgebench.models.spec import ModelSpec

Batch = tuple[Tensor, Tensor]

# How many images of a test folder are in memory at a time.
_PART = 512


class Feed(Protocol):
    """Training batches (B, 3, S, S), (B,) and a test set in parts, which may be none."""

    @property
    def steps(self) -> int: ...
    @property
    def recipe_sha256(self) -> str: ...
    def batches(self, epoch: int, rank: int, world: int, first: int = 0) -> Iterator[Batch]: ...
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

    def batches(self, epoch: int, rank: int, world: int, first: int = 0) -> Iterator[Batch]:
        for block, start in enumerate(range(0, self.steps, self._BLOCK)):
            if start + self._BLOCK <= first:
                continue
            count = min(self._BLOCK, self.steps - start) * self.batch_size
            made = scenes.train(count, (self.seed, epoch, block), self.size)
            images = torch.from_numpy(normalise(made.images, made.mean, made.std))
            labels = torch.from_numpy(made.labels)
            skipped = max(first - start, 0) * self.batch_size
            for place in range(skipped, count, self.batch_size):
                mine = slice(place + rank, place + self.batch_size, world)
                yield images[mine], labels[mine]

    def evaluation(self) -> Iterator[ImageSet]:
        yield scenes.evaluation(size=self.size)


@dataclass(frozen=True)
class FolderFeed:
    """Training on PATH/train and testing on PATH/val, or training on PATH where it has neither."""

    folder: Path
    size: int
    num_classes: int
    batch_size: int
    seed: int
    workers: int

    def __post_init__(self) -> None:
        """Find out now, not after days of training, that the folder will not do."""
        if not self._train.labels:
            raise DataError(
                f"{self._train.folder} has no class folders", "put each class into a folder"
            )
        classes = len(self._train.class_names)
        if classes > self.num_classes:
            raise DataError(
                f"{self.folder} has {classes} classes and the model {self.num_classes}",
                "choose a model with as many classes",
            )
        if self._val is not None and self._val.class_names != self._train.class_names:
            raise DataError(
                f"{self._val.folder} has not the class folders of {self._train.folder}",
                "give both the same subfolders",
            )
        if self.steps == 0:
            raise DataError(
                f"{self.folder} has {len(self._train.files)} images, fewer than one batch of "
                f"{self.batch_size}",
                "add images or choose a smaller batch",
            )

    @functools.cached_property
    def _train(self) -> imagefolder.Listing:
        inner = self.folder / "train"
        return imagefolder.listing(inner if inner.is_dir() else self.folder)

    @functools.cached_property
    def _val(self) -> imagefolder.Listing | None:
        inner = self.folder / "val"
        return imagefolder.listing(inner) if inner.is_dir() else None

    @property
    def steps(self) -> int:
        return len(self._train.files) // self.batch_size

    @property
    def recipe_sha256(self) -> str:
        return self._train.sha256

    def batches(self, epoch: int, rank: int, world: int, first: int = 0) -> Iterator[Batch]:
        found = self._train
        order = np.random.default_rng((self.seed, epoch)).permutation(len(found.files))

        def one(index: int) -> Pixels:
            rng = np.random.default_rng((self.seed, epoch, index))
            return imagefolder.augmented(found.files[index], self.size, rng)

        with ThreadPoolExecutor(self.workers) as pool:
            mine = [
                order[s * self.batch_size : (s + 1) * self.batch_size][rank::world]
                for s in range(first, self.steps)
            ]
            if not mine:
                return
            # The next batch is decoded while the caller works on this one.
            waiting = pool.map(one, mine[0].tolist())
            for step, chosen in enumerate(mine):
                images = np.stack(list(waiting))
                if step + 1 < len(mine):
                    waiting = pool.map(one, mine[step + 1].tolist())
                labels = [found.labels[i] for i in chosen]
                pixels = normalise(images, imagefolder.MEAN, imagefolder.STD)
                yield torch.from_numpy(pixels), torch.tensor(labels)

    def evaluation(self) -> Iterator[ImageSet]:
        found = self._val
        if found is None:
            return
        for start in range(0, len(found.files), _PART):
            part = range(start, min(start + _PART, len(found.files)))
            images = imagefolder.read(found, part, self.size, self.size)
            if images.left_out:  # The accuracy of a checkpoint is over the whole set.
                raise DataError(images.left_out[0], "remove or replace it")
            yield images


def feed_for(
    data: str,
    spec: ModelSpec,
    *,
    batch_size: int,
    scenes_per_epoch: int,
    seed: int,
    workers: int,
) -> Feed:
    """The feed that `--data` names.

    Raises `UsageError` for an unknown name, `DataError` for a folder that cannot be trained on.
    """
    kind, _, path = data.partition(":")
    if data == "scenes":
        return SceneFeed(spec.input_size, scenes_per_epoch, batch_size, seed)
    if kind == "imagefolder" and path:
        folder = Path(path)
        return FolderFeed(folder, spec.input_size, spec.num_classes, batch_size, seed, workers)
    raise UsageError(f"unknown data '{data}'", "known: scenes, imagefolder:PATH")
