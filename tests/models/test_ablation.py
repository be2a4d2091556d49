"""Ablation: a model without one stage's attention is the whole model less just that."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from edgebench.errors import UnknownNameError
from edgebench.models import ablated, registry
from edgebench.models.attention import Attention
from edgebench.models.backbones import ablation
from edgebench.models.backbones.build import network
from edgebench.models.build import build
from edgebench.models.count import count

STAGES = {
    "mobilenet_v2": (),
    "mobilenet_v2_ca": (2, 3, 4, 5),
    "mobilenet_v2_ca_late": (4, 5),
    "mobilenet_v2_triplet": (1, 2, 3, 4, 5),
    "scenes_v2_se": (2, 3, 4, 5),
}


@pytest.mark.parametrize("name", STAGES)
def test_the_stages_of_a_model_are_those_that_hold_attention(name: str) -> None:
    assert ablated.stages(registry.get(name)) == STAGES[name]


@pytest.mark.parametrize("name", ["mobilenet_v2_ca", "mobilenet_v2_cbam", "scenes_v2_ca_output"])
def test_the_parts_add_up_to_the_whole(name: str) -> None:
    """What the stages take away one by one is what the model has above its baseline."""
    whole = registry.get(name)
    baseline = registry.get(whole.baseline)
    parts = [ablated.spec_without(whole, stage) for stage in ablated.stages(whole)]
    for figure in ("parameters", "madds", "multiplies"):
        taken = sum(getattr(whole, figure) - getattr(part, figure) for part in parts)
        assert taken == getattr(whole, figure) - getattr(baseline, figure)


def test_an_ablated_models_count_is_the_whole_less_that_stages_attention() -> None:
    """Coordinate attention has 3Cm + 2C + 3m parameters and 2Cm(H + W) MAdds in a block."""
    whole, part = registry.get("mobilenet_v2_ca"), registry.get("mobilenet_v2_ca~stage2")
    parameters = madds = multiplies = 0
    for channels, hidden, side in ((96, 8, 56), (144, 8, 56)):
        parameters += 3 * channels * hidden + 2 * channels + 3 * hidden
        madds += 2 * channels * hidden * (side + side)
        multiplies += 2 * channels * side * side
    assert whole.parameters - part.parameters == parameters
    assert whole.madds - part.madds == madds
    assert whole.multiplies - part.multiplies == multiplies


def test_the_spec_of_an_ablated_model_is_the_networks_cost() -> None:
    spec = registry.get("scenes_v2_ca~stage3")
    with torch.device("meta"):
        cost = count(network(spec), spec.input_size)
    assert (cost.parameters, cost.madds, cost.multiplies) == (
        spec.parameters,
        spec.madds,
        spec.multiplies,
    )


def test_what_is_left_has_the_whole_models_trained_weights() -> None:
    whole = build(registry.get("scenes_v2_ca"))
    part = build(registry.get("scenes_v2_ca~stage4"))
    left, every = part.module.state_dict(), whole.module.state_dict()
    assert 0 < len(left) < len(every)
    assert all(torch.equal(value, every[key]) for key, value in left.items())
    gone = {key for key in every if key not in left}
    assert all(".attention." in key for key in gone)
    assert any(isinstance(layer, Attention) for layer in part.module.modules())


def test_an_ablated_model_claims_no_accuracy() -> None:
    whole, part = (build(registry.get(f"scenes_v2_ca{end}")) for end in ("", "~stage2"))
    assert whole.trained and whole.accuracy is not None
    assert not part.trained and part.accuracy is None
    assert part.weights_sha256 != whole.weights_sha256


def test_untrained_weights_that_are_left_are_the_whole_models_too() -> None:
    spec = replace(registry.get("scenes_v2_ca"), checkpoint=None)
    whole, part = build(spec), build(ablated.spec_without(spec, 5))
    assert all(
        torch.equal(value, whole.module.state_dict()[key])
        for key, value in part.module.state_dict().items()
    )


@pytest.mark.parametrize("name", ["scenes_v2~stage2", "scenes_v2_ca~stage9", "scenes_v2_ca~stagex"])
def test_a_stage_without_attention_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match="stage with attention"):
        registry.get(name)


def test_removing_from_a_stage_without_attention_is_refused() -> None:
    with pytest.raises(ValueError, match="no attention"):
        ablation.remove(network(registry.get("scenes_v2_ca_late")), 2)
