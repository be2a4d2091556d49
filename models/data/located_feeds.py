"""What trainings of detectors and segmenters are fed: where things are in images.

A batch is (B, 3, S, S) images and its targets: of a detector the class (B, anchors) and the offsets
(B, anchors, 4) of every anchor, of a segmenter the map (B, S, S). As with other feeds it follows
from the seed, the epoch and the step alone.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from edgebench.errors import DataError
from edgebench.models.data import scene_set, scenes
from edgebench.models.data.augmentation import Located, varied
from edgebench.models.data.dataset import Array, Examples
from edgebench.models.data.images import Pixels, normalise
from edgebench.models.data.matching import matched
from edgebench.models.kinds import DETECTION
from edgebench.tasks import anchors as anchor
from edgebench.tasks.boxes import Floats

LocatedBatch = tuple[Tensor, tuple[Tensor, ...]]

Target = Callable[[Array, Array, Array], tuple[Array, ...]]
"""Makes the targets of one image from its boxes (things, 4) in pixels, classes and map."""


@dataclass(frozen=True)
class Targets:
    """How labels become targets for a model of a task with an input of `size` pixels.

    `anchors` is the detector's, as text; None for a segmenter.
    """

    size: int
    anchors: str | None = None

    @functools.cached_property
    def _anchors(self) -> Floats:
        assert self.anchors is not None
        return anchor.boxes(anchor.parse(self.anchors))

    def of(self, one: Located) -> tuple[Array, ...]:
        """The targets of one image."""
        if self.anchors is None:
            return (one.map.astype(np.int64),)
        boxes = one.boxes.astype(np.float64) / self.size
        kinds, offsets = matched(self._anchors, boxes, one.classes)
        return kinds, offsets.astype(np.float32)


def stacked(
    images: Pixels, each: Sequence[tuple[Array, ...]], mean: Channels, std: Channels
) -> LocatedBatch:
    """Images (B, S, S, 3) and the targets of each as a batch."""
    targets = tuple(torch.from_numpy(np.stack(arrays)) for arrays in zip(*each, strict=True))
    return torch.from_numpy(normalise(images, mean, std)), targets


Channels = tuple[float, float, float]


class LocatedFeed(Protocol):
    """Training batches, and labelled images to test on, which may be none."""

    @property
    def steps(self) -> int: ...
    @property
    def recipe_sha256(self) -> str: ...
    @property
    def mean(self) -> Channels: ...
    @property
    def std(self) -> Channels: ...
    def batches(
        self, epoch: int, rank: int, world: int, first: int = 0
    ) -> Iterator[LocatedBatch]: ...
    def evaluation(self) -> Examples | None: ...


@dataclass(frozen=True)
class LocatedScenes:
    """Fresh digit scenes in every epoch."""

    task: str
    targets: Targets
    scenes_per_epoch: int
    batch_size: int
    seed: int
    mean: Channels = scenes.MEAN
    std: Channels = scenes.STD

    # How many batches are made at a time.
    _BLOCK = 10

    @property
    def steps(self) -> int:
        return self.scenes_per_epoch // self.batch_size

    @property
    def recipe_sha256(self) -> str:
        return scenes.recipe_sha256(self.targets.size)

    def batches(self, epoch: int, rank: int, world: int, first: int = 0) -> Iterator[LocatedBatch]:
        for block, start in enumerate(range(0, self.steps, self._BLOCK)):
            if start + self._BLOCK <= first:
                continue
            count = min(self._BLOCK, self.steps - start) * self.batch_size
            seed = (self.seed, epoch, block)
            images, found = scenes.with_things("train", count, seed, self.targets.size)
            for place in range(max(first - start, 0) * self.batch_size, count, self.batch_size):
                mine = range(place + rank, place + self.batch_size, world)
                each = [self.targets.of(_scene(found, i)) for i in mine]
                yield stacked(images[list(mine)], each, self.mean, self.std)

    def evaluation(self) -> Examples:
        return scene_set.located(scene_set.LOCATED, self.targets.size, self.task)


def _scene(found: scenes.Things, number: int) -> Located:
    things = slice(found.offsets[number], found.offsets[number + 1])
    return Located(found.boxes[things], found.classes[things], found.maps[number])


@dataclass(frozen=True)
class LocatedPictures:
    """Pictures with boxes or maps, each differently at every epoch.

    `load` gives a picture and its labels by number, of `count`; `test` what there is to test on.
    """

    source: str
    task: str
    targets: Targets
    count: int
    load: Callable[[int], tuple[Pixels, Located]]
    test: Callable[[], Examples | None]
    identity: str
    batch_size: int
    seed: int
    workers: int
    mean: Channels = field(default=(0.0, 0.0, 0.0))
    std: Channels = field(default=(1.0, 1.0, 1.0))

    def __post_init__(self) -> None:
        if self.steps == 0:
            raise DataError(
                f"{self.source} has {self.count} images, fewer than one batch of {self.batch_size}",
                "add images or choose a smaller batch",
            )

    @property
    def steps(self) -> int:
        return self.count // self.batch_size

    @property
    def recipe_sha256(self) -> str:
        parts = ["located/1", self.identity, self.task, self.targets.size, self.targets.anchors]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def batches(self, epoch: int, rank: int, world: int, first: int = 0) -> Iterator[LocatedBatch]:
        order = np.random.default_rng((self.seed, epoch)).permutation(self.count)

        def one(index: int) -> tuple[Pixels, tuple[Array, ...]]:
            rng = np.random.default_rng((self.seed, epoch, index))
            picture, labels = self.load(index)
            image, moved = varied(picture, labels, self.targets.size, self.task == DETECTION, rng)
            return image, self.targets.of(moved)

        mine = [
            order[s * self.batch_size : (s + 1) * self.batch_size][rank::world].tolist()
            for s in range(first, self.steps)
        ]
        with ThreadPoolExecutor(self.workers) as pool:
            if not mine:
                return
            # The next batch is decoded while the caller works on this one.
            waiting = pool.map(one, mine[0])
            for step in range(len(mine)):
                made = list(waiting)
                if step + 1 < len(mine):
                    waiting = pool.map(one, mine[step + 1])
                images = np.stack([image for image, _ in made])
                yield stacked(images, [each for _, each in made], self.mean, self.std)

    def evaluation(self) -> Examples | None:
        return self.test()
