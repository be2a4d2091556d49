"""What every backbone offers, so that nothing else has to know which one it is.

A backbone is a network whose blocks may hold attention. Whoever places, counts, removes or reports
attention, or builds a detector on its feature maps, asks `blocks` and `feature_maps`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn

from edgebench.models.spec import ModelSpec

# What every batch norm of ours adds to the variance: torch's default.
NORM_EPSILON = 1e-5

AttentionFactory = Callable[[int], nn.Module]
"""Makes an attention module for a number of channels."""


@dataclass(frozen=True)
class Block:
    """One block of a backbone, by its path among the network's modules.

    `stage` is k where the block's output has a stride of 2^k to the input, as the levels of a
    feature pyramid are numbered (Lin et al., "Feature Pyramid Networks for Object Detection", CVPR
    2017, section 3). `attention` is the path of its attention module; None for a block without.
    """

    stage: int
    path: str
    attention: str | None


@dataclass(frozen=True)
class WeightLayout:
    """Another project's names for the same weights.

    A state dict has this layout if `mark` is one of its keys. Of `rules`, pairs of a regular
    expression for the start of a key and its replacement, the first that matches renames a key.
    `norm_epsilon` is what the project's batch norms add to the variance. Keys that begin with
    `ignored`, a regular expression, hold what our network has no use for.
    """

    mark: str
    rules: tuple[tuple[str, str], ...]
    norm_epsilon: float = NORM_EPSILON
    ignored: str | None = None

    def drops(self, key: str) -> bool:
        """Whether a key is left out."""
        return self.ignored is not None and re.match(self.ignored, key) is not None

    def epsilon(self, key: str) -> float:
        """What the batch norm of a key adds to its variance."""
        return self.norm_epsilon

    def renamed(self, key: str) -> str:
        for pattern, replacement in self.rules:
            renamed, matches = re.subn(f"^{pattern}", replacement, key)
            if matches:
                return renamed
        return key


class Backbone(nn.Module, ABC):
    """(N, 3, S, S) normalised floats to (N, classes) logits."""

    weight_layouts: tuple[WeightLayout, ...] = ()

    @classmethod
    @abstractmethod
    def build(cls, spec: ModelSpec, attention: AttentionFactory | None, dropout: float) -> Self:
        """The spec's network with fresh weights, attention standing where the spec places it."""

    @abstractmethod
    def blocks(self) -> tuple[Block, ...]:
        """Every block, from input to output."""

    @abstractmethod
    def feature_maps(self, x: Tensor, strides: Sequence[int]) -> tuple[Tensor, ...]:
        """The last map of each stride to the input, such as (8, 16, 32), before any classifier.

        Raises `ValueError` for a stride that the network has no map of.
        """


def divisible(channels: float, by: int = 8) -> int:
    """The nearest multiple of `by` that is not more than 10 % below `channels`."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded
