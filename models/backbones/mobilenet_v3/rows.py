"""The models of MobileNetV3, and what the paper says of them. Needs no framework."""

from __future__ import annotations

from edgebench.models.backbones.rows import Row, specs
from edgebench.models.spec import OWN, Published

LARGE = "mobilenet_v3_large"
SMALL = "mobilenet_v3_small"

_PAPER = "Howard et al., Searching for MobileNetV3, ICCV 2019, table 3"
_PUBLISHED = {
    LARGE: Published(5.4, 219, 75.2, _PAPER),
    SMALL: Published(2.5, 56, 67.4, _PAPER),
}

_LARGE = (
    Row("mobilenet_v3_large_none", "none", "expanded", None, 1.0, 3970752, 215082560, 0),
    Row("mobilenet_v3_large", OWN, "expanded", None, 1.0, 5483032, 216589760, 597408),
    Row("mobilenet_v3_large_ca", "ca", "expanded", 32, 1.0, 4265847, 218563520, 1194816),
)
_SMALL = (
    Row("mobilenet_v3_small_none", "none", "expanded", None, 1.0, 2081216, 56051648, 0),
    Row("mobilenet_v3_small", OWN, "expanded", None, 1.0, 2542856, 56510400, 285376),
    Row("mobilenet_v3_small_ca", "ca", "expanded", 32, 1.0, 2176615, 57109824, 570752),
)

MODELS = (
    *specs(LARGE, _LARGE, "imagenet", 224, 1000, _PUBLISHED),
    *specs(SMALL, _SMALL, "imagenet", 224, 1000, _PUBLISHED),
)
