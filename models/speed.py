"""How fast images are read, beside how fast a network trains on them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from torch import Tensor

from edgebench.models.data.feeds import Feed
from edgebench.models.data.located_feeds import LocatedFeed

B = TypeVar("B", bound=tuple[Tensor, object])

# Reading by itself is tried for so long, or for so many batches.
_TRIED_S, _TRIED_BATCHES = 1.0, 10


@dataclass(frozen=True)
class Speed:
    """Of one process: images per second of reading alone and of training, and what it waited.

    `step_s` is the mean time of a step, the wait for its images included, and `waiting` the share
    of it that was this wait.
    """

    reading_per_s: float
    training_per_s: float
    step_s: float
    waiting: float


def reading(feed: Feed | LocatedFeed, rank: int, world: int) -> float:
    """Images per second that a feed gives one process where nothing else runs."""
    start, count = time.perf_counter(), 0
    batches = feed.batches(0, rank, world)
    for number, (images, _) in enumerate(batches, start=1):
        count += len(images)
        if number >= _TRIED_BATCHES or time.perf_counter() - start > _TRIED_S:
            break
    return count / max(time.perf_counter() - start, 1e-9)


@dataclass
class Meter:
    """Adds up what the steps of a training take."""

    images: int = 0
    steps: int = 0
    waited_s: float = 0.0
    started_s: float = field(default_factory=time.perf_counter)

    def timed(self, batches: Iterator[B]) -> Iterator[B]:
        """The batches, with the wait for each."""
        while True:
            asked = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            self.waited_s += time.perf_counter() - asked
            self.images += len(batch[0])
            self.steps += 1
            yield batch

    def speed(self, reading_per_s: float) -> Speed | None:
        """None where no step was made."""
        if not self.steps:
            return None
        took = time.perf_counter() - self.started_s
        return Speed(reading_per_s, self.images / took, took / self.steps, self.waited_s / took)
