"""What the outputs of a head mean, and which pixels it takes. Needs no framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgebench.models.backbones.heads import default_boxes
from edgebench.models.kinds import CLASSIFICATION, DETECTION
from edgebench.models.spec import ModelSpec
from edgebench.tasks import anchors

Channels = tuple[float, float, float]

# torchvision's SSDLite takes pixels from -1 to 1.
_HALF: Channels = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class HeadMeaning:
    """A task by its name, and its roles and words (docs/tasks.md)."""

    task: str
    words: Mapping[str, str]


def meaning_of(spec: ModelSpec) -> HeadMeaning | None:
    """What a model with a head gives; None for a classifier, whose outputs say it themselves."""
    if spec.task == CLASSIFICATION:
        return None
    if spec.task != DETECTION:
        return HeadMeaning(spec.task, {"logits": "logits"})
    words = {
        "boxes": "offsets",
        "scores": "logits",
        "format": "offsets",
        "anchors": anchors.text(default_boxes.levels(spec)),
        "activation": "softmax",
        "background": "first",
    }
    return HeadMeaning(spec.task, words)


def pixels(spec: ModelSpec) -> tuple[Channels, Channels] | None:
    """The mean and the deviation of each channel, for pixels in 0..1; None for ImageNet's."""
    if spec.task == DETECTION and default_boxes.torchvisions(spec):
        return _HALF, _HALF
    return None
