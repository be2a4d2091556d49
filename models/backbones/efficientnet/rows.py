"""The models of EfficientNet, and what the papers say of them. Needs no framework."""

from __future__ import annotations

from edgebench.models.backbones.rows import Row, specs
from edgebench.models.spec import OWN, Published

B0 = "efficientnet_b0"
LITE0 = "efficientnet_lite0"

_PUBLISHED = {
    B0: Published(5.3, 390, 77.1, "Tan and Le, EfficientNet, ICML 2019, table 2"),
    "efficientnet_b0_ca": Published(5.4, 400, 76.9, "Hou et al., CVPR 2021, table 7"),
    # 407 M MAdds by a count that is not known.
    LITE0: Published(4.7, None, 75.1, "EfficientNet-Lite, TensorFlow 2020"),
}

_B0 = (
    Row("efficientnet_b0_none", "none", "expanded", None, 1.0, 4652008, 385187552, 0),
    Row("efficientnet_b0", OWN, "expanded", None, 1.0, 5288548, 385814752, 2306528),
    Row("efficientnet_b0_ca", "ca", "expanded", 32, 1.0, 5381804, 394014048, 4613056),
)
_LITE0 = (
    Row("efficientnet_lite0", "none", "expanded", None, 1.0, 4652008, 385187552, 0),
    Row("efficientnet_lite0_se", "se", "expanded", 24, 1.0, 5288093, 385814304, 2306528),
    Row("efficientnet_lite0_ca", "ca", "expanded", 32, 1.0, 5381804, 394014048, 4613056),
)

MODELS = (
    *specs(B0, _B0, "imagenet", 224, 1000, _PUBLISHED),
    *specs(LITE0, _LITE0, "imagenet", 224, 1000, _PUBLISHED),
)
