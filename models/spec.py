"""What a model of the zoo is, and what the papers say of it. Needs no framework."""

from __future__ import annotations

from dataclasses import dataclass

# What a reader must know of an attention before citing a figure of it.
NOTES = {"sca": "our documented interpretation of Liu et al. 2022"}

# Stands between a model's name and the stage whose attention was taken out of it.
ABLATED = "~stage"


@dataclass(frozen=True)
class Published:
    """The paper's figures for a network: parameters and MAdds in millions, ImageNet top-1 in %."""

    parameters_m: float
    madds_m: float | None
    top1: float | None
    source: str


@dataclass(frozen=True)
class ModelSpec:
    """One entry of the zoo.

    `placement` is where attention stands: `expanded` between the depthwise convolution and the
    projection of the 16 blocks that expand; `late` the same, but only in the 11 blocks whose output
    has a stride of 16 or more to the input; `output` after the projection of all 17 blocks. A model
    without attention says `expanded`, which then has no meaning. `data` is "imagenet" (built here
    with any weights, trained elsewhere) or "scenes" (the built-in digit scenes, trained here).
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

    @property
    def note(self) -> str:
        """What a reader must know before citing this model; empty where there is nothing."""
        return NOTES.get(self.attention, "")
