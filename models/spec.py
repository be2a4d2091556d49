"""What a model of the zoo is, and what the papers say of it. Needs no framework."""

from __future__ import annotations

from dataclasses import dataclass

from edgebench.models.kinds import CLASSIFICATION, HEADS, KINDS

# The attention that a backbone has by itself, such as EfficientNet's squeeze and excitation.
OWN = "own"

# Stands between a model's name and the stage whose attention was taken out of it.
ABLATED = "~stage"


@dataclass(frozen=True)
class Published:
    """The paper's figures for a network: parameters and MAdds in millions, ImageNet top-1 in %.

    `score` is what it has in the place of top-1 where it does not classify, such as "AP 24.5".
    """

    parameters_m: float
    madds_m: float | None
    top1: float | None
    source: str
    score: str = ""


@dataclass(frozen=True)
class ModelSpec:
    """One entry of the zoo.

    `attention` is "none", a kind of `edgebench.models.attention`, or "own": what the backbone has
    by itself. A kind replaces the own one. `placement` is where attention stands: `expanded` inside
    a block, where the papers have it (in MobileNetV2 between the depthwise convolution and the
    projection of the 16 blocks that expand; each backbone's class says where); `late` the same, but
    only in blocks whose output has a stride of 16 or more to the input; `at45` the same, but only
    in the blocks of stages 4 and 5, with a stride of 2^4 and 2^5; `output` at the end of
    every block, before the sum. A model without attention says `expanded`, which then has no
    meaning. `head` is what stands on the backbone's maps in the place of its classifier, by its
    name in `edgebench.models.kinds.HEADS`; None for a classifier. `data` is "imagenet", "coco" or
    "voc" (built here with any weights, trained elsewhere) or "scenes" (the built-in digit scenes,
    trained here).
    `madds` counts convolutions and linear layers for one image, `multiplies` the elementwise
    products of the attention, which the papers leave out. `checkpoint` is the stem of the shipped
    weights under models/checkpoints. `without` is the stage whose attention was taken out, for
    measuring what it costs; see `edgebench.models.backbones.ablation`.
    """

    name: str
    backbone: str
    attention: str
    placement: str
    width: float
    reduction: int | None
    input_size: int
    num_classes: int
    baseline: str
    data: str
    parameters: int
    madds: int
    published: Published | None = None
    checkpoint: str | None = None
    multiplies: int = 0
    without: int | None = None
    head: str | None = None

    @property
    def task(self) -> str:
        """What the model's outputs are for, by its name in `edgebench.tasks`."""
        return HEADS[self.head].task if self.head else CLASSIFICATION

    @property
    def note(self) -> str:
        """What a reader must know before citing this model; empty where there is nothing."""
        kind = KINDS.get(self.attention)
        return kind.note if kind else ""
