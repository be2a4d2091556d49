"""From a model of the registry to its network with fresh weights."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from edgebench.models.attention import ATTENTION
from edgebench.models.backbones import ablation
from edgebench.models.backbones.backbone import Backbone
from edgebench.models.backbones.efficientnet import network as efficientnet
from edgebench.models.backbones.heads.headed import Headed
from edgebench.models.backbones.mobilenet_v2 import network as mobilenet_v2
from edgebench.models.backbones.mobilenet_v3 import network as mobilenet_v3
from edgebench.models.backbones.mobilenet_v4 import network as mobilenet_v4
from edgebench.models.backbones.mobilenext.network import MobileNeXt
from edgebench.models.backbones.resnet import network as resnet
from edgebench.models.spec import OWN, ModelSpec

BACKBONES: dict[str, type[Backbone]] = {
    **dict.fromkeys(mobilenet_v2.VARIANTS, mobilenet_v2.MobileNetV2),
    "mobilenext": MobileNeXt,
    **dict.fromkeys(efficientnet.VARIANTS, efficientnet.EfficientNet),
    **dict.fromkeys(mobilenet_v3.VARIANTS, mobilenet_v3.MobileNetV3),
    **dict.fromkeys(mobilenet_v4.VARIANTS, mobilenet_v4.MobileNetV4),
    **dict.fromkeys(resnet.VARIANTS, resnet.ResNet),
}
"""By `ModelSpec.backbone`. A new backbone is a folder beside MobileNetV2's, and a row here."""


def network(spec: ModelSpec, dropout: float = 0.0) -> Backbone:
    """The spec's network, in training mode, initialised from torch's current random state.

    Where the spec has a head, it is a `Headed`.
    """
    attention: Callable[[int], nn.Module] | None = None
    if spec.attention not in ("none", OWN):
        kind = ATTENTION[spec.attention]

        def attention(channels: int) -> nn.Module:
            return kind(channels, spec.reduction)

    built: Backbone = BACKBONES[spec.backbone].build(spec, attention, dropout)
    if spec.head is not None:
        built = Headed(spec, built)
    if spec.without is not None:
        ablation.remove(built, spec.without)
    return built
