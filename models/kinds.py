"""The kinds of attention and of heads by name, as far as they are known without a framework.

`edgebench.models.attention` and `edgebench.models.backbones.heads` make them.
"""

from __future__ import annotations

from dataclasses import dataclass

PLACEMENTS = ("expanded", "output", "late")

AT = "at"
"""With the numbers of stages behind it a placement too: `at45` is `expanded`, but only in blocks
whose output has a stride of 2^4 or 2^5 to the input."""


@dataclass(frozen=True)
class Kind:
    """The reduction and the placement that a kind has where a name gives none.

    `reduction` divides the channels for a bottleneck; EMA splits the channels into this many
    groups; None for a kind without either. `note` is what a reader must know before citing a figure
    of it.
    """

    reduction: int | None = None
    placement: str = "expanded"
    note: str = ""


KINDS: dict[str, Kind] = {
    "se": Kind(24),
    "se_hard": Kind(24),
    "eca": Kind(),
    "cbam": Kind(24),
    "triplet": Kind(placement="output"),
    "ca": Kind(32),
    "ca_hard": Kind(32),
    "sca": Kind(note="our documented interpretation of Liu et al. 2022"),
    "simam": Kind(),
    "ela": Kind(),
    "ema": Kind(32),
}

CLASSIFICATION, DETECTION, SEGMENTATION = "classification", "detection", "segmentation"
"""The tasks of the zoo's models."""

HEADED = ("mobilenet_v2", "mobilenext", "mobilenet_v3_large", "mobilenet_v3_small")
"""The backbones that heads stand on."""


@dataclass(frozen=True)
class HeadKind:
    """What a head is for, and the data, classes and input size that its papers have.

    `classes` counts the background. `scenes_size` is the input size on the built-in digit scenes.
    """

    task: str
    data: str
    classes: int
    input_size: int
    scenes_size: int


HEADS: dict[str, HeadKind] = {
    "ssdlite": HeadKind(DETECTION, "coco", 81, 320, 96),
    "deeplabv3": HeadKind(SEGMENTATION, "voc", 21, 512, 96),
    "lraspp": HeadKind(SEGMENTATION, "voc", 21, 512, 96),
}
