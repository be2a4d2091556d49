"""A backbone with a head in the place of its classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import torch
from torch import Tensor, nn

from edgebench.models.backbones.backbone import AttentionFactory, Backbone, Block
from edgebench.models.backbones.heads import layouts, trunk
from edgebench.models.backbones.heads.segmenters import DeepLabV3, LrAspp
from edgebench.models.backbones.heads.ssdlite import SsdLite
from edgebench.models.kinds import DETECTION
from edgebench.models.spec import ModelSpec

Head = SsdLite | DeepLabV3 | LrAspp
HEADS: dict[str, type[Head]] = {"ssdlite": SsdLite, "deeplabv3": DeepLabV3, "lraspp": LrAspp}


class Headed(Backbone):
    """(N, 3, S, S) normalised floats to what the head gives, by `outputs`, in their order."""

    def __init__(self, spec: ModelSpec, backbone: Backbone) -> None:
        super().__init__()
        assert spec.head is not None
        detects = spec.task == DETECTION
        if not detects:
            trunk.dilate(backbone, spec)
        paths: Sequence[str] = (
            trunk.detection_paths(backbone) if detects else trunk.segmentation_paths(backbone)
        )
        # The layouts are made of the names that the whole backbone has.
        self.backbone_layouts = whole = backbone.weight_layouts
        trunk.cut(backbone, paths[-1])
        self.paths = tuple(paths)
        self.backbone = backbone
        self.head: Head = HEADS[spec.head](spec, self._channels())
        self.head.apply(_initialise)
        self.weight_layouts = layouts.of(spec, whole, self)

    @classmethod
    def build(cls, spec: ModelSpec, attention: AttentionFactory | None, dropout: float) -> Self:
        raise NotImplementedError("a head is built on a backbone that is there")

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what it gives."""
        return self.head.outputs

    def blocks(self) -> tuple[Block, ...]:
        return tuple(
            replace(
                block,
                path=f"backbone.{block.path}",
                attention=None if block.attention is None else f"backbone.{block.attention}",
            )
            for block in self.backbone.blocks()
        )

    def feature_maps(self, x: Tensor, strides: Sequence[int]) -> tuple[Tensor, ...]:
        return self.backbone.feature_maps(x, strides)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        outputs: tuple[Tensor, ...] = self.head(trunk.maps(self.backbone, x, self.paths))
        return outputs

    def _channels(self) -> list[int]:
        """The channels of each map that the head reads, from a pass that computes nothing."""
        was_training = self.backbone.training
        self.backbone.eval()
        with torch.no_grad():
            image = torch.zeros(1, 3, 64, 64, device=next(self.backbone.parameters()).device)
            found = [one.shape[1] for one in trunk.maps(self.backbone, image, self.paths)]
        self.backbone.train(was_training)
        return found


def _initialise(module: nn.Module) -> None:
    """A normal distribution of 0.03, as torchvision begins its SSDLite; biases are zero."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.03)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
