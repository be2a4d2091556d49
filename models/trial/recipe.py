"""What a trial of attention trains, and on what: all that decides what comes out."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass

from edgebench.models import registry
from edgebench.models.data.scenes import RECIPE
from edgebench.models.data.scenes import Recipe as Scenes

KINDS = ("none", "se", "eca", "cbam", "triplet", "ca", "ela", "simam", "sca")
"""The kinds that are compared, with `none` as what they are compared with."""

VERSION = GPU_VERSION = 1
"""Raised when the same recipe trains something else than before; a test finds that out."""


SCENES = Scenes(clearance=0.08)


@dataclass(frozen=True)
class TrialRecipe:
    """One design of the experiment. Every training of it takes the same images in the same order.

    The task is that of the digit scenes, the value of the topmost digit of `scenes.digits`. A
    network begins to learn it late, at a moment of chance, which would be most of the spread over
    seeds. So the first steps show fewer digits: `curriculum` has pairs of the share of
    the steps and the digits up to there. AdamW with a warm-up over `warm_up` of the steps and a
    cosine schedule to 0; `average_decay` is that of the moving average of the weights, which is
    what is tested.
    """

    name: str
    backbone: str
    size: int
    images: int
    batch: int = 64
    learning_rate: float = 0.005
    weight_decay: float = 0.05
    warm_up: float = 0.15
    average_decay: float = 0.99
    curriculum: tuple[tuple[float, int], ...] = ((0.15, 1), (0.3, 2))
    scenes: Scenes = SCENES
    test_images: int = 10_000

    @property
    def steps(self) -> int:
        return self.images // self.batch

    @property
    def sha256(self) -> str:
        """Identifies the recipe and the version of what carries it out."""
        text = json.dumps({"kind": f"trial/{VERSION}", **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def model(self, kind: str) -> str:
        """The name of the network with a kind of attention at its published place."""
        attention = "" if kind == "none" else f"_{kind}"
        size = "" if registry.get(self.backbone).input_size == self.size else f"_s{self.size}"
        return f"{self.backbone}{attention}{size}"

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        at = step / self.steps
        warm = min(1.0, (at + 1 / self.steps) / self.warm_up) if self.warm_up else 1.0
        return self.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * at))

    def digits(self, step: int) -> int:
        """How many digits the scenes of a step show."""
        at = step / self.steps
        return next((few for share, few in self.curriculum if at < share), self.scenes.digits)


@dataclass(frozen=True)
class GpuRecipe(TrialRecipe):
    """A design for a GPU, which trains many networks at once on scenes that it makes itself.

    `learning_rate` was chosen among three by the loss of the network without attention alone.
    `seeds_at_once` says how many seeds of every kind a GPU trains together.
    """

    batch: int = 256
    scenes: Scenes = RECIPE
    seeds_at_once: int = 4

    @property
    def sha256(self) -> str:
        named = asdict(self)
        del named["seeds_at_once"]
        text = json.dumps({"kind": f"trial-on-gpu/{GPU_VERSION}", **named}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


RECIPES: dict[str, TrialRecipe] = {
    "resnet18": TrialRecipe("resnet18", "resnet18_w025", 32, 76_800),
    "mobilenet_v2": TrialRecipe(
        "mobilenet_v2",
        "mobilenet_v2_w035",
        48,
        128_000,
        learning_rate=0.003,
    ),
    "resnet18_gpu": GpuRecipe("resnet18_gpu", "resnet18_w025", 32, 800_000, learning_rate=0.016),
    "scenes_v2_gpu": GpuRecipe("scenes_v2_gpu", "scenes_v2", 48, 800_000, learning_rate=0.012),
}
"""All kinds and eight seeds of the first take an hour or two of a core, of the second a night."""
