"""What every backbone of the zoo offers, whichever it is."""

from __future__ import annotations

import pytest
import torch

from edgebench.models import registry
from edgebench.models.attention import Attention
from edgebench.models.backbones.backbone import Backbone
from edgebench.models.backbones.build import BACKBONES, network

SMALLEST = {
    spec.backbone: spec.name
    for spec in sorted(registry.MODELS.values(), key=lambda spec: -spec.madds)
}
"""The cheapest model of each backbone."""


def built(name: str) -> Backbone:
    return network(registry.get(name)).eval()


def test_every_backbone_of_the_registry_can_be_built_and_none_is_left_over() -> None:
    assert {spec.backbone for spec in registry.MODELS.values()} == set(BACKBONES)


@pytest.mark.parametrize("backbone", SMALLEST)
def test_feature_maps_are_the_last_of_their_stride(backbone: str) -> None:
    spec = registry.get(SMALLEST[backbone])
    side = 64
    maps = built(spec.name).feature_maps(torch.zeros(1, 3, side, side), (8, 16, 32))
    assert [tuple(one.shape[2:]) for one in maps] == [(side // s, side // s) for s in (8, 16, 32)]


def test_feature_maps_are_what_the_blocks_compute() -> None:
    module, image = built("scenes_v2_ca"), torch.rand(1, 3, 48, 48)
    seen: dict[str, torch.Tensor] = {}
    for block in module.blocks():
        module.get_submodule(block.path).register_forward_hook(
            lambda _module, _inputs, output, path=block.path: seen.__setitem__(path, output)
        )
    (found,) = module.feature_maps(image, (16,))
    assert torch.equal(found, seen[[b.path for b in module.blocks() if b.stage == 4][-1]])


def test_a_stride_without_a_map_is_refused() -> None:
    with pytest.raises(ValueError, match="stride 64"):
        built("scenes_v2").feature_maps(torch.zeros(1, 3, 48, 48), (64,))


@pytest.mark.parametrize("name", ["scenes_v2", "scenes_v2_ca", "scenes_v2_ca_late"])
def test_blocks_name_every_attention_and_the_stride_of_their_maps(name: str) -> None:
    module, side = built(name), 48
    named = [block.attention for block in module.blocks() if block.attention is not None]
    there = [path for path, one in module.named_modules() if isinstance(one, Attention)]
    assert named == there
    for block in module.blocks():
        module.get_submodule(block.path).register_forward_hook(
            lambda _module, _inputs, output, stage=block.stage: sides.append(
                (output.shape[-1], -(-side // 2**stage))
            )
        )
    sides: list[tuple[int, int]] = []
    module(torch.zeros(1, 3, side, side))
    assert len(sides) == len(module.blocks())
    assert all(found == wanted for found, wanted in sides)
