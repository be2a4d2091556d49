"""From a registry entry to a network with fresh weights."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from edgebench.models import ablation
from edgebench.models.attention import ATTENTION
from edgebench.models.mobilenet_v2 import BACKBONES, MobileNetV2
from edgebench.models.registry import ModelSpec


def network(spec: ModelSpec, dropout: float = 0.0) -> MobileNetV2:
    """The spec's network, in training mode, initialised from torch's current random state."""
    attention: Callable[[int], nn.Module] | None = None
    if spec.attention != "none":
        kind = ATTENTION[spec.attention]

        def attention(channels: int) -> nn.Module:
            return kind(channels, spec.reduction)

    stages = BACKBONES[spec.backbone]
    module = MobileNetV2(spec.width, spec.num_classes, attention, spec.placement, dropout, stages)
    if spec.without is not None:
        ablation.remove(module, spec.without)
    return module
