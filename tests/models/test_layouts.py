"""Checkpoints of torchvision and timm load, and the networks compute what theirs do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import layouts_made
import pytest
import torch

from edgebench.models import registry
from edgebench.models.backbones.build import network
from edgebench.models.weights import load_into

LAYOUTS = sorted(path.stem for path in layouts_made.FOLDER.glob("*.txt"))
BACKBONES = {spec.backbone for spec in registry.MODELS.values()}


def test_there_is_a_layout_of_every_backbone_that_the_two_libraries_have() -> None:
    there = {name.partition(".")[2] for name in LAYOUTS}
    assert there == BACKBONES - {"mobilenet_v2_deeper", "mobilenext"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_checkpoint_computes_what_it_did_in_its_library(tmp_path: Path, layout: str) -> None:
    shapes, logits = layouts_made.read(layout)
    torch.save(layouts_made.filled(shapes), tmp_path / "theirs.pth")
    module = network(registry.get(layout.partition(".")[2])).eval()
    load_into(module, tmp_path / "theirs.pth", module.weight_layouts)
    with torch.no_grad():
        found = module(layouts_made.image())[0, : len(logits)]
    # The logits are written with six digits; another epsilon would change the fourth.
    torch.testing.assert_close(found, logits, rtol=2e-5, atol=2e-6)


def test_the_authors_layout_of_mobilenext_has_a_place_for_every_weight() -> None:
    """Its keys by the authors' numbering: block 1 is `features.1.conv.0` to `.11`."""
    with torch.device("meta"):
        module = network(registry.get("mobilenext"))
    (layout,) = module.weight_layouts
    for theirs, ours in (
        ("features.0.0.weight", "stem.conv.weight"),
        ("features.1.conv.0.weight", "layers.0.body.first.conv.weight"),
        ("features.1.conv.3.weight", "layers.0.body.reduce.conv.weight"),
        ("features.1.conv.6.running_var", "layers.0.body.expand.norm.running_var"),
        ("features.1.conv.8.weight", "layers.0.body.last.conv.weight"),
        ("features.2.conv.9.bias", "layers.1.body.last.norm.bias"),
        ("features.3.conv.0.weight", "layers.2.body.reduce.conv.weight"),
        ("features.20.conv.8.weight", "layers.19.body.last.conv.weight"),
        ("classifier.1.weight", "classifier.1.weight"),
    ):
        assert layout.renamed(theirs) == ours
        assert ours in module.state_dict()


def test_a_networks_own_names_load_again(tmp_path: Path) -> None:
    spec = replace(registry.get("mobilenet_v3_small_ca"), checkpoint=None)
    module = network(spec)
    torch.save(module.state_dict(), tmp_path / "ours.pth")
    again = network(spec)
    load_into(again, tmp_path / "ours.pth", again.weight_layouts)
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in module.state_dict().items())
