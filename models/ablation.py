"""A model without the attention of one stage: what is measured to say what that attention costs.

A stage is all blocks of one resolution: stage k has maps whose stride to the input is 2^k, as the
levels of a feature pyramid are numbered (Lin et al., "Feature Pyramid Networks for Object
Detection", CVPR 2017, section 3). MobileNetV2 on 224x224 images has stage 2 at 56x56, 3 at 28x28, 4
at 14x14 and 5 at 7x7. The rows of the network's own table are finer, but rows of one resolution
move tensors of nearly one size, and fewer parts have narrower intervals.

An ablated model is for latency alone: all weights that are left are the whole model's, which were
trained to work with those that are gone.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace

import torch

from edgebench.models.mobilenet_v2 import STEM_STRIDE, InvertedResidual, MobileNetV2
from edgebench.models.registry import ABLATED, ModelSpec

_ATTENTION = "attention"


def name(model: str, stage: int) -> str:
    """The ablated model's name, such as `mobilenet_v2_ca~stage2`."""
    return f"{model}{ABLATED}{stage}"


@functools.cache
def stages(spec: ModelSpec) -> tuple[int, ...]:
    """The stages that hold attention; none for a baseline."""
    with torch.device("meta"):
        module = _network(replace(spec, without=None))
    return tuple(dict.fromkeys(stage for stage, block in _blocks(module) if _holds(block)))


@functools.cache
def ablated(spec: ModelSpec, stage: int) -> ModelSpec:
    """The spec of a model without one stage's attention, with its own parameters and MAdds."""
    from edgebench.models.count import count

    bare = replace(spec, name=name(spec.name, stage), published=None, without=stage)
    with torch.device("meta"):
        cost = count(_network(bare), bare.input_size)
    return replace(bare, parameters=cost.parameters, madds=cost.madds, multiplies=cost.multiplies)


def remove(module: MobileNetV2, stage: int) -> None:
    """Take the attention out of a stage's blocks, in place. Raises `ValueError` for none there."""
    found = [block for at, block in _blocks(module) if at == stage and _holds(block)]
    if not found:
        raise ValueError(f"stage {stage} has no attention")
    for block in found:
        delattr(block.conv, _ATTENTION)


def _network(spec: ModelSpec) -> MobileNetV2:
    from edgebench.models.network import network

    return network(spec)


def _blocks(module: MobileNetV2) -> Iterator[tuple[int, InvertedResidual]]:
    """Every block with its stage."""
    stride = STEM_STRIDE
    for block in module.features:
        if isinstance(block, InvertedResidual):
            stride *= block.stride
            yield stride.bit_length() - 1, block


def _holds(block: InvertedResidual) -> bool:
    return hasattr(block.conv, _ATTENTION)
