"""Any attention in any backbone, by name."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from edgebench.errors import UnknownNameError
from edgebench.models import ablated, composed, registry
from edgebench.models.attention import ATTENTION, Attention
from edgebench.models.backbones.build import BACKBONES, network
from edgebench.models.backbones.inverted import OwnSqueezeExcite
from edgebench.models.count import count
from edgebench.models.kinds import KINDS, PLACEMENTS

PLAIN = {
    spec.backbone: spec
    for spec in reversed(registry.MODELS.values())
    if spec.attention == "none" and spec.data == "imagenet"
}
# The blocks that hold attention inside them, and those of them with a stride of 16 or more.
INSIDE = {
    "mobilenet_v2": (16, 11),
    "mobilenext": (20, 15),
    "efficientnet_b0": (16, 11),
    "efficientnet_lite0": (16, 11),
    "mobilenet_v3_large": (8, 5),
    "mobilenet_v3_small": (9, 8),
    "mobilenet_v4_conv_s": (12, 12),
    "mobilenet_v4_conv_m": (22, 19),
    "resnet18": (8, 4),
    "resnet50": (16, 9),
}


def attentions(name: str) -> list[Attention]:
    with torch.device("meta"):
        return [m for m in network(registry.get(name)).modules() if isinstance(m, Attention)]


def test_the_kinds_are_those_that_can_be_made() -> None:
    assert set(KINDS) == set(ATTENTION)


def test_every_backbone_is_here() -> None:
    assert set(INSIDE) == set(BACKBONES) - {"mobilenet_v2_deeper"}


@pytest.mark.parametrize("backbone", INSIDE)
def test_attention_stands_where_the_placement_says(backbone: str) -> None:
    base = PLAIN[backbone].name.removesuffix("_none")
    with torch.device("meta"):
        module = network(PLAIN[backbone])
    assert len(attentions(f"{base}_ca_expanded")) == INSIDE[backbone][0]
    assert len(attentions(f"{base}_ca_late")) == INSIDE[backbone][1]
    spec = registry.get(f"{base}_ca_output")
    with torch.device("meta"):
        found = {b.path for b in network(spec).blocks() if b.attention is not None}
    # All blocks but the plain convolutions at the beginning of MobileNetV4-Conv-S.
    lacking = [b.path for b in module.blocks() if b.path not in found]
    assert len(lacking) == (4 if backbone == "mobilenet_v4_conv_s" else 0)


# `make matrix` exports all of them; here each backbone, kind and placement has its turn.
TURNS = tuple(
    zip(
        [*PLAIN, *PLAIN],
        [*KINDS, *KINDS],
        PLACEMENTS * len(PLAIN),
        strict=False,
    )
)


@pytest.mark.parametrize(("backbone", "kind", "placement"), TURNS)
def test_every_kind_and_every_backbone_give_logits(
    backbone: str, kind: str, placement: str
) -> None:
    spec = replace(
        PLAIN[backbone],
        attention=kind,
        placement=placement,
        reduction=KINDS[kind].reduction,
        width=0.25,
        num_classes=7,
    )
    module = network(spec).eval()
    with torch.no_grad():
        assert module(torch.zeros(1, 3, 64, 64)).shape == (1, 7)
    assert any(isinstance(m, ATTENTION[kind]) for m in module.modules())


@pytest.mark.parametrize("backbone", ["efficientnet_b0", "mobilenet_v3_large"])
def test_a_backbones_own_attention_is_replaced_and_not_doubled(backbone: str) -> None:
    assert {type(m) for m in attentions(backbone)} == {OwnSqueezeExcite}
    assert attentions(f"{backbone}_none") == []
    assert {type(m) for m in attentions(f"{backbone}_ela_output")} == {ATTENTION["ela"]}
    inside = attentions(f"{backbone}_ela")
    assert {type(m) for m in inside} == {ATTENTION["ela"]}
    assert len(inside) == len(attentions(backbone))
    baseline = registry.get(f"{backbone}_ela").baseline
    assert baseline == registry.get(backbone).baseline == f"{backbone}_none"


def test_a_composed_models_cost_is_counted() -> None:
    spec = registry.get("mobilenet_v3_small_ela_late")
    with torch.device("meta"):
        cost = count(network(spec), spec.input_size)
    assert (cost.parameters, cost.madds, cost.multiplies) == (
        spec.parameters,
        spec.madds,
        spec.multiplies,
    )
    assert spec.checkpoint is None and spec.published is None


def test_a_row_and_the_same_composition_are_one_network() -> None:
    row, made = (registry.get(f"mobilenet_v2_ca{end}") for end in ("_r16", "_r16_expanded"))
    assert replace(made, name=row.name, published=row.published) == row


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("resnet18_ela", ("ela", "expanded", None)),
        ("resnet18_triplet", ("triplet", "output", None)),
        ("resnet50_se_hard_r8_late", ("se_hard", "late", 8)),
        ("scenes_v2_ema_output", ("ema", "output", 32)),
        ("mobilenet_v2_w050_ca_hard", ("ca_hard", "expanded", 32)),
    ],
)
def test_a_name_is_read(name: str, wanted: tuple[str, str, int | None]) -> None:
    assert registry.known(name)
    spec = registry.get(name)
    assert (spec.attention, spec.placement, spec.reduction) == wanted


@pytest.mark.parametrize(
    "name",
    [
        "resnet18_ca_se",  # two kinds
        "resnet18_eca_r4",  # a kind without a reduction
        "resnet18_ca_r0",
        "resnet99_ca",
        "resnet18_ca_early",
        "resnet18_w000",
        "resnet18_s8",
    ],
)
def test_a_name_of_nothing_is_refused_and_the_form_told(name: str) -> None:
    assert not registry.known(name)
    with pytest.raises(UnknownNameError, match="BACKBONE_KIND"):
        registry.get(name)


def test_width_and_size_are_part_of_a_name_and_of_its_baseline() -> None:
    spec = registry.get("efficientnet_b0_w050_ca_late_s96")
    assert (spec.width, spec.input_size, spec.placement) == (0.5, 96, "late")
    assert spec.baseline == "efficientnet_b0_none_w050_s96"
    baseline = registry.get(spec.baseline)
    assert (baseline.width, baseline.input_size) == (0.5, 96)
    assert baseline.baseline == baseline.name
    # A registered name is what it was, and a composed one can have it as its baseline.
    assert registry.get("mobilenet_v2_w050_se").baseline == "mobilenet_v2_w050"
    assert registry.get("mobilenet_v2_w050_se").width == 0.5


def test_parts_of_a_composed_model_can_be_taken_out() -> None:
    whole = registry.get("resnet18_ela")
    assert ablated.stages(whole) == (2, 3, 4, 5)
    part = registry.get("resnet18_ela~stage3")
    assert 0 < whole.parameters - part.parameters < whole.parameters
    assert registry.known("resnet18_ela~stage3")
    assert composed.parse("resnet18_ela~stage3", registry.MODELS) is None


def test_attention_stands_in_the_stages_that_are_named() -> None:
    late, named = registry.get("mobilenet_v2_ca_late"), registry.get("mobilenet_v2_ca_at45")
    assert (late.parameters, late.madds) == (named.parameters, named.madds)
    with torch.device("meta"):
        blocks = network(registry.get("resnet18_se_at35_s96")).blocks()
    assert {b.stage for b in blocks if b.attention is not None} == {3, 5}
    whole, plain = registry.get("mobilenet_v2_ela"), registry.get("mobilenet_v2")
    parts = [registry.get(f"mobilenet_v2_ela_at{stage}") for stage in (2, 3, 4, 5)]
    assert sum(one.madds - plain.madds for one in parts) == whole.madds - plain.madds


@pytest.mark.parametrize("name", ["mobilenet_v2_ca_at54", "mobilenet_v2_ca_at44"])
def test_stages_are_written_in_order(name: str) -> None:
    with pytest.raises(UnknownNameError):
        registry.get(name)


def test_a_stage_without_attention_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown stage .* '1'"):
        registry.get("mobilenet_v2_ca_at15")
