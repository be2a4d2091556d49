"""Other projects' names of a network with a head."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from edgebench.models.backbones.backbone import WeightLayout
from edgebench.models.backbones.heads.default_boxes import LEVELS
from edgebench.models.backbones.layouts import Rule, exactly, pair
from edgebench.models.spec import ModelSpec

# Stands before a key of a backbone, whose own layout says what it is called here.
_BACKBONES = "backbone>"


@dataclass(frozen=True)
class HeadLayout(WeightLayout):
    """Rules that lead the backbone's keys to the names of a layout of its own, `inner`.

    None stands for a project whose names of the backbone are ours.
    """

    inner: WeightLayout | None = None

    def renamed(self, key: str) -> str:
        found = super().renamed(key)
        if not found.startswith(_BACKBONES):
            return found
        name = found.removeprefix(_BACKBONES)
        return "backbone." + (self.inner.renamed(name) if self.inner else name)

    def epsilon(self, key: str) -> float:
        inside = super().renamed(key).startswith(_BACKBONES)
        return self.inner.norm_epsilon if inside and self.inner else self.norm_epsilon


def of(
    spec: ModelSpec, backbones: Sequence[WeightLayout], network: nn.Module
) -> tuple[WeightLayout, ...]:
    """The layouts of a network with this head, from those of its whole backbone."""
    if spec.backbone.startswith("mobilenet_v3"):
        theirs = next(one for one in backbones if one.mark.startswith("features."))
        make = {"ssdlite": _ssd, "deeplabv3": _deeplab, "lraspp": _lraspp}[spec.head or ""]
        return (make(spec, theirs, network),)
    if spec.head != "ssdlite":
        return ()
    return tuple(_authors(spec, backbones, network))


def _ssd(spec: ModelSpec, theirs: WeightLayout, network: nn.Module) -> WeightLayout:
    """torchvision's `ssdlite320_mobilenet_v3_large`, which parts the network in the block that
    begins stride 32, after its first layer."""
    blocks = len(list(network.get_submodule("backbone.layers").children()))
    stage = max(
        index
        for index, block in enumerate(network.get_submodule("backbone.layers").children())
        if getattr(block, "stride", 1) > 1
    )
    rules: list[Rule] = []
    for index in range(stage + 1):
        rules.append(_inside(f"backbone.features.0.{index}.", f"features.{index}."))
    rules.append(_inside(f"backbone.features.0.{stage + 1}.", f"features.{stage + 1}.block.0."))
    rules.append(_inside("backbone.features.1.0.", f"features.{stage + 1}.block."))
    for index in range(stage + 1, blocks + 1):
        rules.append(_inside(f"backbone.features.1.{index - stage}.", f"features.{index + 1}."))
    for number in range(LEVELS - 2):
        for place, part in enumerate(("reduce", "depthwise", "project")):
            name = f"backbone.extra.{number}.{place}"
            rules += pair(f"{name}.0", f"{name}.1", f"head.extras.{number}.{part}")
    for head, ours in (("classification", "scores"), ("regression", "offsets")):
        for number in range(LEVELS):
            name = f"head.{head}_head.module_list.{number}"
            rules += pair(f"{name}.0.0", f"{name}.0.1", f"head.{ours}.{number}.depthwise")
            rules.append(exactly(f"{name}.1.", f"head.{ours}.{number}.predict."))
    epsilon = theirs.norm_epsilon
    return HeadLayout("backbone.extra.0.0.0.weight", tuple(rules), epsilon, inner=theirs)


def _deeplab(spec: ModelSpec, theirs: WeightLayout, network: nn.Module) -> WeightLayout:
    """torchvision's `deeplabv3_mobilenet_v3_large`. Its second head is for training alone."""
    convs = "classifier.0.convs"
    rules = [_torchvision_backbone()]
    for number in range(4):
        rules += pair(f"{convs}.{number}.0", f"{convs}.{number}.1", f"head.convs.{number}")
    rules += pair(f"{convs}.4.1", f"{convs}.4.2", "head.convs.4.reduce")
    rules += pair("classifier.0.project.0", "classifier.0.project.1", "head.project")
    rules += pair("classifier.1", "classifier.2", "head.last.refine")
    rules.append(exactly("classifier.4.", "head.last.classify."))
    mark = "classifier.0.convs.0.0.weight"
    return HeadLayout(mark, tuple(rules), ignored=r"aux_classifier\.", inner=theirs)


def _lraspp(spec: ModelSpec, theirs: WeightLayout, network: nn.Module) -> WeightLayout:
    """torchvision's `lraspp_mobilenet_v3_large`."""
    rules = (
        _torchvision_backbone(),
        *pair("classifier.cbr.0", "classifier.cbr.1", "head.reduce"),
        exactly("classifier.scale.1.", "head.scale."),
        exactly("classifier.low_classifier.", "head.low."),
        exactly("classifier.high_classifier.", "head.high."),
    )
    return HeadLayout("classifier.cbr.0.weight", rules, inner=theirs)


def _torchvision_backbone() -> Rule:
    return r"backbone\.(\d+)\.", rf"{_BACKBONES}features.\1."


def _inside(theirs: str, ours: str) -> Rule:
    return re.escape(theirs), _BACKBONES + ours


def _authors(
    spec: ModelSpec, backbones: Sequence[WeightLayout], network: nn.Module
) -> Iterator[WeightLayout]:
    """The coordinate attention authors' detectors (github.com/houqb/ssdlite-pytorch-mobilenext),
    whose layers have the names of lufficc's SSD.

    With attention MobileNetV2 has its layers in flat sequences, and otherwise torchvision's names,
    which are ours.
    """
    predictors = [
        rule
        for theirs, ours in (("cls", "scores"), ("reg", "offsets"))
        for rule in _authors_predictors(f"box_head.predictor.{theirs}_headers", f"head.{ours}")
    ]
    if spec.backbone == "mobilenext":
        places = {"depthwise": (0, 1), "reduce": (3, 4), "project": (5, 6)}
        rules = (*_authors_extras(places, ""), *predictors, _inside("backbone.", ""))
        inner = next(one for one in backbones if one.mark == "features.0.0.weight")
        yield HeadLayout("backbone.extras.0.0.weight", rules, inner=inner)
        return
    flat = {"reduce": (0, 1), "depthwise": (3, 4), "project": (6, 7)}
    inner = next(one for one in backbones if one.mark == "conv.0.weight")
    rules = (*_authors_extras(flat, "conv."), *predictors, _inside("backbone.", ""))
    yield HeadLayout("backbone.conv.0.weight", rules, inner=inner)
    nested: list[Rule] = []
    for number in range(LEVELS - 2):
        name, ours = f"backbone.extras.{number}.conv", f"head.extras.{number}"
        nested += pair(f"{name}.0.0", f"{name}.0.1", f"{ours}.reduce")
        nested += pair(f"{name}.1.0", f"{name}.1.1", f"{ours}.depthwise")
        nested += pair(f"{name}.2", f"{name}.3", f"{ours}.project")
    mark = "backbone.extras.0.conv.0.0.weight"
    yield HeadLayout(mark, (*nested, *predictors, _inside("backbone.", "")))


def _authors_extras(places: dict[str, tuple[int, int]], within: str) -> Iterator[Rule]:
    for number in range(LEVELS - 2):
        for part, (convolution, norm) in places.items():
            name = f"backbone.extras.{number}.{within}"
            yield from pair(f"{name}{convolution}", f"{name}{norm}", f"head.extras.{number}.{part}")


def _authors_predictors(theirs: str, ours: str) -> Iterator[Rule]:
    for number in range(LEVELS - 1):
        name = f"{theirs}.{number}.conv"
        yield from pair(f"{name}.0", f"{name}.1", f"{ours}.{number}.depthwise")
        yield exactly(f"{name}.3.", f"{ours}.{number}.predict.")
    yield exactly(f"{theirs}.{LEVELS - 1}.", f"{ours}.{LEVELS - 1}.predict.")
