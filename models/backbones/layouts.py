"""Tables from the names of torchvision and timm to those of `staged.py`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from torch import nn

from edgebench.models.backbones.backbone import NORM_EPSILON, WeightLayout
from edgebench.models.backbones.staged import ATTENTION, Residual

Rule = tuple[str, str]
Where = Sequence[tuple[int, int]]
"""The stage of each block and its number in the stage, both from 0."""

# timm's names of a block's layers, by those of ours that it has: `DepthwiseSeparableConv`,
# `InvertedResidual`, `EdgeResidual`, `ConvBnAct` and `UniversalInvertedResidual`.
_TIMM = {
    ("depthwise", "project"): (("conv_dw", "bn1"), ("conv_pw", "bn2")),
    ("expand", "depthwise", "project"): (
        ("conv_pw", "bn1"),
        ("conv_dw", "bn2"),
        ("conv_pwl", "bn3"),
    ),
    ("fused", "project"): (("conv_exp", "bn1"), ("conv_pwl", "bn2")),
    ("conv",): (("conv", "bn1"),),
}
_TIMM_UNIVERSAL = {
    "start": "dw_start",
    "expand": "pw_exp",
    "middle": "dw_mid",
    "project": "pw_proj",
}


def places(repeats: Iterable[int]) -> Where:
    """Where each block stands, from the number of blocks in each stage."""
    return [(stage, number) for stage, count in enumerate(repeats) for number in range(count)]


def exactly(theirs: str, ours: str) -> Rule:
    """The rule that replaces one beginning of a key by another."""
    return re.escape(theirs), ours


def pair(convolution: str, norm: str, ours: str) -> tuple[Rule, Rule]:
    """The rules of a `ConvNorm` whose two layers have these names elsewhere."""
    return exactly(convolution + ".", f"{ours}.conv."), exactly(norm + ".", f"{ours}.norm.")


def timm_blocks(layers: nn.Sequential, where: Where) -> Iterator[Rule]:
    """The rules of every block under timm's `blocks.STAGE.NUMBER`."""
    for index, ((stage, number), block) in enumerate(zip(where, layers, strict=True)):
        assert isinstance(block, Residual)
        theirs, ours = f"blocks.{stage}.{number}", f"layers.{index}.body"
        parts = tuple(name for name, _ in block.body.named_children() if name != ATTENTION)
        if parts in _TIMM:
            for part, (convolution, norm) in zip(parts, _TIMM[parts], strict=True):
                yield from pair(f"{theirs}.{convolution}", f"{theirs}.{norm}", f"{ours}.{part}")
        else:
            for part in parts:
                name = f"{theirs}.{_TIMM_UNIVERSAL[part]}"
                yield from pair(f"{name}.conv", f"{name}.bn", f"{ours}.{part}")
        for squeeze in ("reduce", "expand"):
            yield exactly(f"{theirs}.se.conv_{squeeze}.", f"{ours}.{ATTENTION}.{squeeze}.")


def timm(blocks: Iterable[Rule], *others: Rule) -> WeightLayout:
    """timm's layout of a network with a stem."""
    stem = pair("conv_stem", "bn1", "stem")
    return WeightLayout("conv_stem.weight", (*stem, *blocks, *others))


def torchvision_blocks(
    layers: nn.Sequential, names: Sequence[str], own_attention: Sequence[bool]
) -> Iterator[Rule]:
    """The rules of blocks whose layers torchvision numbers, with its squeeze and excitation."""
    for index, (block, name, attends) in enumerate(zip(layers, names, own_attention, strict=True)):
        assert isinstance(block, Residual)
        ours = f"layers.{index}.body"
        parts = [part for part, _ in block.body.named_children() if part != ATTENTION]
        if attends:
            parts.insert(-1, ATTENTION)
        for number, part in enumerate(parts):
            theirs = f"{name}.block.{number}"
            if part == ATTENTION:
                yield exactly(f"{theirs}.fc1.", f"{ours}.{part}.reduce.")
                yield exactly(f"{theirs}.fc2.", f"{ours}.{part}.expand.")
            else:
                yield from pair(f"{theirs}.0", f"{theirs}.1", f"{ours}.{part}")


def torchvision(
    last: int, blocks: Iterable[Rule], *others: Rule, norm_epsilon: float = NORM_EPSILON
) -> WeightLayout:
    """torchvision's layout of a network under `features`, whose head is the `last` of them."""
    stem = pair("features.0.0", "features.0.1", "stem")
    head = pair(f"features.{last}.0", f"features.{last}.1", "head")
    rules = (*stem, *blocks, *head, *others)
    return WeightLayout("features.0.0.weight", rules, norm_epsilon)
