"""What a training makes small, by the task of the model."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, distributed, nn

from edgebench.models.data.augmentation import NO_CLASS
from edgebench.models.kinds import CLASSIFICATION, DETECTION, SEGMENTATION

Outputs = Tensor | tuple[Tensor, ...]
Objective = Callable[[Outputs, Outputs, float], Tensor]
"""From what a network gives, its targets and the label smoothing to the loss, a scalar."""

NEGATIVES = 3
"""So many anchors of the background count for each that stands for a thing."""


def _classes(outputs: Outputs, targets: Outputs, smoothing: float) -> Tensor:
    assert isinstance(outputs, Tensor) and isinstance(targets, Tensor)
    return nn.functional.cross_entropy(outputs.float(), targets, label_smoothing=smoothing)


def _boxes(outputs: Outputs, targets: Outputs, smoothing: float) -> Tensor:
    """Liu et al., "SSD", ECCV 2016, equations 1 to 3: smooth L1 of the offsets of the anchors that
    stand for things, and the cross-entropy of these and of the background's hardest, by the number
    of things' anchors."""
    offsets, scores = outputs
    kinds, wanted = targets
    things = kinds > 0
    count = _of_all(things.sum())
    located = nn.functional.smooth_l1_loss(offsets.float()[things], wanted[things], reduction="sum")
    losses = nn.functional.cross_entropy(
        scores.float().transpose(1, 2), kinds, reduction="none", label_smoothing=smoothing
    )
    hardest = losses.detach().masked_fill(things, -torch.inf).argsort(1, descending=True)
    rank = hardest.argsort(1)
    most = NEGATIVES * things.sum(1, keepdim=True).clamp(min=1)
    counted = things | ((rank < most) & ~things)
    return (located + losses[counted].sum()) / count


def _pixels(outputs: Outputs, targets: Outputs, smoothing: float) -> Tensor:
    (logits,) = outputs
    (maps,) = targets
    losses = nn.functional.cross_entropy(
        logits.float(),
        maps,
        ignore_index=NO_CLASS,
        label_smoothing=smoothing,
        reduction="sum",
    )
    return losses / _of_all((maps != NO_CLASS).sum())


def _of_all(count: Tensor) -> Tensor:
    """A count over the batch of all processes, for each of them, and at least one.

    Gradients are averaged over the processes, so that each counts as if it had a like share.
    """
    found = count.float()
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(found)
        found = found / distributed.get_world_size()
    return found.clamp(min=1)


OBJECTIVES: dict[str, Objective] = {
    CLASSIFICATION: _classes,
    DETECTION: _boxes,
    SEGMENTATION: _pixels,
}

# Hou et al., CVPR 2021, sections 4.1 and 4.4: 0.05 on ImageNet and 0.01 on COCO. Of segmentation
# the paper names none: DeepLabV3's own.
LEARNING_RATES = {CLASSIFICATION: 0.05, DETECTION: 0.01, SEGMENTATION: 0.007}
"""The learning rate at the start, where nobody names one."""

QAT_RATE = 0.02
"""The share of it with which a trained network learns to be rounded."""
