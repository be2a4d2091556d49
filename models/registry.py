"""The models by name: backbone, attention, placement, width, and what the papers say of them.

Light on purpose: listing the models needs no framework. `models.build` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgebench.errors import UnknownNameError

# What a reader must know of an attention before citing a figure of it.
NOTES = {"sca": "our documented interpretation of Liu et al. 2022"}


@dataclass(frozen=True)
class Published:
    """The paper's figures for a network: parameters and MAdds in millions, ImageNet top-1 in %."""

    parameters_m: float
    madds_m: float | None
    top1: float | None
    source: str


@dataclass(frozen=True)
class ModelSpec:
    """One entry of the zoo.

    `placement` is where attention stands: `expanded` between the depthwise convolution and the
    projection of the 16 blocks that expand; `late` the same, but only in the 11 blocks whose output
    has a stride of 16 or more to the input; `output` after the projection of all 17 blocks. A model
    without attention says `expanded`, which then means nothing. `data` is "imagenet" (built here
    with any weights, trained elsewhere) or "scenes" (the built-in digit scenes, trained here).
    `madds` counts convolutions and linear layers for one image, `multiplies` the elementwise
    products of the attention, which the papers leave out. `checkpoint` is the stem of the shipped
    weights under models/checkpoints. `without` is the stage whose attention was taken out, for
    measuring what it costs; see `edgebench.models.ablation`.
    """

    name: str
    backbone: str
    attention: str
    placement: str
    width: float
    reduction: int | None
    input_size: int
    num_classes: int
    baseline: str
    data: str
    parameters: int
    madds: int
    published: Published | None = None
    checkpoint: str | None = None
    multiplies: int = 0
    without: int | None = None

    @property
    def note(self) -> str:
        """What a reader must know before citing this model; empty where there is nothing."""
        return NOTES.get(self.attention, "")


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

# name, attention, placement, reduction, width, parameters, MAdds, multiplies
_Row = tuple[str, str, str, int | None, float, int, int, int]
_IMAGENET: tuple[_Row, ...] = (
    ("mobilenet_v2", "none", "expanded", None, 1.0, 3504872, 300774272, 0),
    ("mobilenet_v2_se", "se", "expanded", 24, 1.0, 3888208, 301150208, 1900416),
    ("mobilenet_v2_cbam", "cbam", "expanded", 24, 1.0, 3889808, 302524960, 3800832),
    ("mobilenet_v2_eca", "eca", "expanded", None, 1.0, 3504950, 300809600, 1900416),
    ("mobilenet_v2_triplet", "triplet", "output", None, 1.0, 3509972, 306997664, 1716960),
    ("mobilenet_v2_ca", "ca", "expanded", 32, 1.0, 3950648, 306666368, 3800832),
    ("mobilenet_v2_ca_r16", "ca", "expanded", 16, 1.0, 4366850, 311832704, 3800832),
    ("mobilenet_v2_sca", "sca", "expanded", None, 1.0, 3509672, 319949344, 5701248),
    ("mobilenet_v2_ca_output", "ca", "output", 32, 1.0, 3546310, 301444480, 1144640),
    ("mobilenet_v2_ca_late", "ca", "late", 32, 1.0, 3930560, 305763200, 1467648),
    ("mobilenet_v2_w075", "none", "expanded", None, 0.75, 2636424, 209069792, 0),
    ("mobilenet_v2_ca_w075", "ca", "expanded", 32, 0.75, 2891631, 212648864, 3283392),
    ("mobilenet_v2_w050", "none", "expanded", None, 0.5, 1968680, 97131840, 0),
    ("mobilenet_v2_ca_w050", "ca", "expanded", 32, 0.5, 2095568, 99002688, 2088576),
    ("mobilenet_v2_w035", "none", "expanded", None, 0.35, 1677128, 59285808, 0),
    ("mobilenet_v2_ca_w035", "ca", "expanded", 32, 0.35, 1750970, 60471216, 1509984),
)
_SCENES: tuple[_Row, ...] = (
    ("scenes_v2", "none", "expanded", None, 0.35, 408938, 3195424, 0),
    ("scenes_v2_se", "se", "expanded", 24, 0.35, 458870, 3242656, 36768),
    ("scenes_v2_cbam", "cbam", "expanded", 24, 0.35, 460470, 3336438, 73536),
    ("scenes_v2_eca", "eca", "expanded", None, 0.35, 409006, 3207520, 36768),
    ("scenes_v2_ca", "ca", "expanded", 32, 0.35, 482780, 3472672, 73536),
    ("scenes_v2_sca", "sca", "expanded", None, 0.35, 413738, 4841334, 110304),
    ("scenes_v2_ca_output", "ca", "output", 32, 0.35, 423490, 3253280, 22976),
    ("scenes_v2_ca_late", "ca", "late", 32, 0.35, 473924, 3389728, 28608),
)
# The side of a digit scene's image, and its classes.
SCENE_SIZE = 48
SCENE_CLASSES = 10

# Stands between a model's name and the stage whose attention was taken out of it.
ABLATED = "~stage"

MODELS: dict[str, ModelSpec] = {}


def register(spec: ModelSpec) -> None:
    """Add a model. Raises `ValueError` where the name is taken."""
    if spec.name in MODELS:
        raise ValueError(f"model '{spec.name}' is registered twice")
    MODELS[spec.name] = spec


def known(name: str) -> bool:
    """Whether a name is a model's, or that of one without a stage. Needs no framework."""
    return name.partition(ABLATED)[0] in MODELS


def get(name: str) -> ModelSpec:
    """The model of that name, such as `mobilenet_v2_ca` or `mobilenet_v2_ca~stage2`.

    Raises `UnknownNameError`, which lists the names there are.
    """
    whole, ablated, stage = name.partition(ABLATED)
    if whole not in MODELS:
        raise UnknownNameError("model", name, MODELS)
    if not ablated:
        return MODELS[whole]
    from edgebench.models import ablation  # Counts a network, so it needs torch.

    known = {ablation.name(whole, one): one for one in ablation.stages(MODELS[whole])}
    if name not in known:
        raise UnknownNameError(f"stage with attention in {whole}", stage, map(str, known.values()))
    return ablation.ablated(MODELS[whole], known[name])


def _register_table(rows: tuple[_Row, ...], data: str, size: int, classes: int) -> None:
    baselines = {width: name for name, attention, _, _, width, *_ in rows if attention == "none"}
    for name, attention, placement, reduction, width, parameters, madds, multiplies in rows:
        register(
            ModelSpec(
                name=name,
                backbone="mobilenet_v2",
                attention=attention,
                placement=placement,
                width=width,
                reduction=reduction,
                input_size=size,
                num_classes=classes,
                baseline=baselines[width],
                data=data,
                parameters=parameters,
                madds=madds,
                published=_PUBLISHED.get(name),
                checkpoint=name if data == "scenes" else None,
                multiplies=multiplies,
            )
        )


_register_table(_IMAGENET, "imagenet", 224, 1000)
# A small overhead that is certainly there, for proving that it is found.
register(
    replace(
        MODELS["mobilenet_v2"],
        name="mobilenet_v2_deeper",
        backbone="mobilenet_v2_deeper",
        baseline="mobilenet_v2_deeper",
        parameters=3519720,
        madds=311762816,
        published=None,
    )
)
_register_table(_SCENES, "scenes", SCENE_SIZE, SCENE_CLASSES)
