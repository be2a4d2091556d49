"""The models of ResNet, and what the papers say of them. Needs no framework."""

from __future__ import annotations

from edgebench.models.backbones.rows import Row, specs
from edgebench.models.spec import Published

RESNET18 = "resnet18"
RESNET50 = "resnet50"

_CBAM = "Woo et al., CBAM, ECCV 2018, table 4"
# The papers' MAdds are those of a network with the stride in the first convolution of a block.
_PUBLISHED = {
    RESNET50: Published(25.56, None, 75.44, _CBAM),
    "resnet50_se": Published(28.09, None, 76.86, _CBAM),
    "resnet50_cbam": Published(28.09, None, 77.34, _CBAM),
    "resnet50_triplet": Published(25.56, None, 77.48, "Misra et al., WACV 2021, table 2"),
}

_RESNET18 = (
    Row("resnet18", "none", "expanded", None, 1.0, 11689512, 1814073344, 0),
    Row("resnet18_se", "se", "expanded", 16, 1.0, 11778592, 1814160384, 752640),
    Row("resnet18_ca", "ca", "expanded", 32, 1.0, 11764248, 1815220224, 1505280),
)
_RESNET50 = (
    Row("resnet50", "none", "expanded", None, 1.0, 25557032, 4089184256, 0),
    Row("resnet50_se", "se", "expanded", 16, 1.0, 28088024, 4091699200, 5519360),
    Row("resnet50_cbam", "cbam", "expanded", 16, 1.0, 28089624, 4095573110, 11038720),
    Row("resnet50_eca", "eca", "expanded", None, 1.0, 25557118, 4089272064, 5519360),
    Row("resnet50_triplet", "triplet", "output", None, 1.0, 25561832, 4135500918, 16558080),
    Row("resnet50_ca", "ca", "expanded", 32, 1.0, 27474864, 4116250624, 11038720),
)

MODELS = (
    *specs(RESNET18, _RESNET18, "imagenet", 224, 1000, _PUBLISHED),
    *specs(RESNET50, _RESNET50, "imagenet", 224, 1000, _PUBLISHED),
)
