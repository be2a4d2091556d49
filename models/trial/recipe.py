"""What a trial of attention trains, and on what: all that decides what comes out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from edgebench.models.data.scenes import Recipe as Scenes

KINDS = ("none", "se", "eca", "cbam", "triplet", "ca", "ela", "simam", "sca")
"""The kinds that are compared, with `none` as what they are compared with."""

VERSION = 1
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
        return f"{self.backbone}{attention}_s{self.size}"

    def digits(self, step: int) -> int:
        """How many digits the scenes of a step show."""
        at = step / self.steps
        return next((few for share, few in self.curriculum if at < share), self.scenes.digits)


RECIPES = {
    "resnet18": TrialRecipe("resnet18", "resnet18_w025", 32, 76_800),
    "mobilenet_v2": TrialRecipe(
        "mobilenet_v2",
        "mobilenet_v2_w035",
        48,
        128_000,
        learning_rate=0.003,
    ),
}
"""All kinds and eight seeds of the first take an hour or two of a core, of the second a night."""
