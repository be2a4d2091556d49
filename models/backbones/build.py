"""From a model of the registry to its network with fresh weights."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from edgebench.models.attention import ATTENTION
from edgebench.models.backbones import ablation
from edgebench.models.backbones.backbone import Backbone
from edgebench.models.backbones.mobilenet_v2.network import VARIANTS, MobileNetV2
from edgebench.models.spec import ModelSpec

BACKBONES: dict[str, type[Backbone]] = dict.fromkeys(VARIANTS, MobileNetV2)
"""By `ModelSpec.backbone`. A new backbone is a folder beside MobileNetV2's, and a row here."""


def network(spec: ModelSpec, dropout: float = 0.0) -> Backbone:
    """The spec's network, in training mode, initialised from torch's current random state."""
    attention: Callable[[int], nn.Module] | None = None
    if spec.attention != "none":
        kind = ATTENTION[spec.attention]

        def attention(channels: int) -> nn.Module:
            return kind(channels, spec.reduction)

    built = BACKBONES[spec.backbone].build(spec, attention, dropout)
    if spec.without is not None:
        ablation.remove(built, spec.without)
    return built
