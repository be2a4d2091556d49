"""Take the attention of one stage out of a network.

A stage is all blocks of one resolution; see `edgebench.models.backbones.backbone.Block`.
MobileNetV2 on 224x224 images has stage 2 at 56x56, 3 at 28x28, 4 at 14x14 and 5 at 7x7. The rows of
the network's own table are finer, but rows of one resolution move tensors of nearly one size, and
fewer parts have narrower intervals.
"""

from __future__ import annotations

from torch import nn

from edgebench.models.backbones.backbone import Backbone


def stages(module: Backbone) -> tuple[int, ...]:
    """The stages that hold attention; none for a baseline."""
    return tuple(dict.fromkeys(b.stage for b in module.blocks() if b.attention is not None))


def remove(module: Backbone, stage: int) -> None:
    """Take the attention out of a stage's blocks, in place. Raises `ValueError` for none there.

    An identity takes its place, which works wherever a backbone's `forward` calls it, and leaves
    nothing in an exported graph.
    """
    found = [b.attention for b in module.blocks() if b.stage == stage and b.attention is not None]
    if not found:
        raise ValueError(f"stage {stage} has no attention")
    for path in found:
        parent, _, name = path.rpartition(".")
        setattr(module.get_submodule(parent), name, nn.Identity())
