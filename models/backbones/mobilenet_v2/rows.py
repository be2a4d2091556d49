"""The models of MobileNetV2, and what the papers say of them. Needs no framework."""

from __future__ import annotations

from dataclasses import replace

from edgebench.models.backbones.rows import Row, specs
from edgebench.models.spec import ModelSpec, Published

NAME = "mobilenet_v2"
DEEPER = "mobilenet_v2_deeper"

_CA = "Hou et al., Coordinate Attention, CVPR 2021, "
_PUBLISHED = {
    "mobilenet_v2": Published(3.5, 300, 72.3, _CA + "table 3"),
    "mobilenet_v2_se": Published(3.89, 300, 73.5, _CA + "table 3"),
    "mobilenet_v2_cbam": Published(3.89, 300, 73.6, _CA + "table 3"),
    "mobilenet_v2_ca": Published(3.95, 310, 74.3, _CA + "table 3"),
    "mobilenet_v2_ca_r16": Published(4.37, 310, 74.7, _CA + "the reduction ablation"),
    "mobilenet_v2_ca_w075": Published(2.89, None, None, _CA + "the width ablation"),
    "mobilenet_v2_ca_w050": Published(2.1, None, None, _CA + "the width ablation"),
    "mobilenet_v2_triplet": Published(
        3.51, None, None, "Misra et al., Rotate to Attend, WACV 2021"
    ),
}

_IMAGENET = (
    Row("mobilenet_v2", "none", "expanded", None, 1.0, 3504872, 300774272, 0),
    Row("mobilenet_v2_se", "se", "expanded", 24, 1.0, 3888208, 301150208, 1900416),
    Row("mobilenet_v2_cbam", "cbam", "expanded", 24, 1.0, 3889808, 302524960, 3800832),
    Row("mobilenet_v2_eca", "eca", "expanded", None, 1.0, 3504950, 300809600, 1900416),
    Row("mobilenet_v2_triplet", "triplet", "output", None, 1.0, 3509972, 306997664, 1716960),
    Row("mobilenet_v2_ca", "ca", "expanded", 32, 1.0, 3950648, 306666368, 3800832),
    Row("mobilenet_v2_ca_r16", "ca", "expanded", 16, 1.0, 4366850, 311832704, 3800832),
    Row("mobilenet_v2_sca", "sca", "expanded", None, 1.0, 3509672, 319949344, 5701248),
    Row("mobilenet_v2_se_hard", "se_hard", "expanded", 24, 1.0, 3888208, 301150208, 1900416),
    Row("mobilenet_v2_ca_hard", "ca_hard", "expanded", 32, 1.0, 3950648, 306666368, 3800832),
    Row("mobilenet_v2_simam", "simam", "expanded", None, 1.0, 3504872, 300774272, 1900416),
    Row("mobilenet_v2_ela", "ela", "expanded", None, 1.0, 3568808, 302072576, 3800832),
    Row("mobilenet_v2_ema", "ema", "expanded", 32, 1.0, 3551066, 487544576, 1900416),
    Row("mobilenet_v2_ca_output", "ca", "output", 32, 1.0, 3546310, 301444480, 1144640),
    Row("mobilenet_v2_ca_late", "ca", "late", 32, 1.0, 3930560, 305763200, 1467648),
    Row("mobilenet_v2_w075", "none", "expanded", None, 0.75, 2636424, 209069792, 0),
    Row("mobilenet_v2_ca_w075", "ca", "expanded", 32, 0.75, 2891631, 212648864, 3283392),
    Row("mobilenet_v2_w050", "none", "expanded", None, 0.5, 1968680, 97131840, 0),
    Row("mobilenet_v2_ca_w050", "ca", "expanded", 32, 0.5, 2095568, 99002688, 2088576),
    Row("mobilenet_v2_w035", "none", "expanded", None, 0.35, 1677128, 59285808, 0),
    Row("mobilenet_v2_ca_w035", "ca", "expanded", 32, 0.35, 1750970, 60471216, 1509984),
)
_SCENES = (
    Row("scenes_v2", "none", "expanded", None, 0.35, 408938, 3195424, 0),
    Row("scenes_v2_se", "se", "expanded", 24, 0.35, 458870, 3242656, 36768),
    Row("scenes_v2_cbam", "cbam", "expanded", 24, 0.35, 460470, 3336438, 73536),
    Row("scenes_v2_eca", "eca", "expanded", None, 0.35, 409006, 3207520, 36768),
    Row("scenes_v2_ca", "ca", "expanded", 32, 0.35, 482780, 3472672, 73536),
    Row("scenes_v2_sca", "sca", "expanded", None, 0.35, 413738, 4841334, 110304),
    Row("scenes_v2_ca_late", "ca", "late", 32, 0.35, 473924, 3389728, 28608),
)


def _models() -> tuple[ModelSpec, ...]:
    imagenet = tuple(specs(NAME, _IMAGENET, "imagenet", 224, 1000, _PUBLISHED))
    # A small overhead that is certainly there, for proving that it is found.
    deeper = replace(
        imagenet[0],
        name=DEEPER,
        backbone=DEEPER,
        baseline=DEEPER,
        parameters=3519720,
        madds=311762816,
        published=None,
    )
    return (*imagenet, deeper, *specs(NAME, _SCENES, "scenes", 48, 10, {}))


MODELS = _models()
