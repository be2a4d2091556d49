"""A model without the attention of one stage: measured to see what that attention costs.

An ablated model is for latency alone: its weights are the whole model's, trained to work with those
that are gone.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import torch

from edgebench.models.backbones import ablation
from edgebench.models.backbones.build import network
from edgebench.models.count import count
from edgebench.models.spec import ABLATED, ModelSpec


def name(model: str, stage: int) -> str:
    """The ablated model's name, such as `mobilenet_v2_ca~stage2`."""
    return f"{model}{ABLATED}{stage}"


@functools.cache
def stages(spec: ModelSpec) -> tuple[int, ...]:
    """The stages of a model that hold attention; none for a baseline."""
    with torch.device("meta"):
        return ablation.stages(network(replace(spec, without=None)))


@functools.cache
def spec_without(spec: ModelSpec, stage: int) -> ModelSpec:
    """The spec of a model without one stage's attention, with its own parameters and MAdds."""
    bare = replace(spec, name=name(spec.name, stage), published=None, without=stage)
    with torch.device("meta"):
        cost = count(network(bare), bare.input_size)
    return replace(bare, parameters=cost.parameters, madds=cost.madds, multiplies=cost.multiplies)
