"""The models of MobileNeXt, and what the papers say of them. Needs no framework."""

from __future__ import annotations

from edgebench.models.backbones.rows import Row, specs
from edgebench.models.spec import Published

NAME = "mobilenext"

# The coordinate attention paper's 3.89 M with squeeze and excitation and 4.09 M with its own were
# not reproduced by any place that was tried, so those rows claim nothing.
_PUBLISHED = {NAME: Published(3.5, 300, 74.0, "Hou et al., CVPR 2021, table 6")}

_IMAGENET = (
    Row("mobilenext", "none", "expanded", None, 1.0, 3535416, 311342592, 0),
    Row("mobilenext_se", "se", "expanded", 24, 1.0, 4103771, 311900864, 3600128),
    Row("mobilenext_ca", "ca", "expanded", 32, 1.0, 4191151, 319549952, 7200256),
)

MODELS = tuple(specs(NAME, _IMAGENET, "imagenet", 224, 1000, _PUBLISHED))
