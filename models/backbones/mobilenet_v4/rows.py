"""The models of MobileNetV4, and what the paper says of them. Needs no framework."""

from __future__ import annotations

from edgebench.models.backbones.rows import Row, specs
from edgebench.models.spec import Published

CONV_S = "mobilenet_v4_conv_s"
CONV_M = "mobilenet_v4_conv_m"

_PAPER = "Qin et al., MobileNetV4, ECCV 2024, table 5"
# The paper rounds MAdds to 0.1 G, which says little of networks of this size.
_PUBLISHED = {
    CONV_S: Published(3.8, None, 73.8, _PAPER),
    CONV_M: Published(9.2, None, 79.9, _PAPER),
}

_CONV_S = (
    Row("mobilenet_v4_conv_s", "none", "expanded", None, 1.0, 3774024, 186005568, 0),
    Row("mobilenet_v4_conv_s_se", "se", "expanded", 24, 1.0, 3932156, 186159168, 410816),
    Row("mobilenet_v4_conv_s_ca", "ca", "expanded", 32, 1.0, 3963262, 188030528, 821632),
)
_CONV_M = (
    Row("mobilenet_v4_conv_m", "none", "expanded", None, 1.0, 9715512, 1080244224, 0),
    Row("mobilenet_v4_conv_m_se", "se", "expanded", 24, 1.0, 10772842, 1081285632, 2723840),
    Row("mobilenet_v4_conv_m_ca", "ca", "expanded", 32, 1.0, 10942669, 1096282112, 5447680),
)

MODELS = (
    *specs(CONV_S, _CONV_S, "imagenet", 224, 1000, _PUBLISHED),
    *specs(CONV_M, _CONV_M, "imagenet", 256, 1000, _PUBLISHED),
)
