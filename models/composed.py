"""Any kind of attention in any backbone, any head on it, at any width and input size, by name.

`resnet18_ela_late` is `resnet18` with `ela` in its late blocks; `mobilenet_v3_small_ca_r16` has
coordinate attention with a reduction of 16 where the backbone has its own attention;
`efficientnet_b0_w050_s96` has half the channels and takes images of 96 pixels;
`lraspp_mobilenet_v2_ca` is a segmenter on `mobilenet_v2_ca`. The registry's rows have names of the
same form; these need no row and no weights, and are counted when asked for.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import replace

from edgebench.errors import UnknownNameError
from edgebench.models.backbones.heads.rows import PUBLISHED, HeadRow
from edgebench.models.kinds import AT, DETECTION, HEADED, HEADS, KINDS, PLACEMENTS
from edgebench.models.spec import OWN, ModelSpec

FORM = (
    "BACKBONE_KIND; _w050 after the backbone sets the width, _r16 after the kind the reduction, "
    "_output, _late or _at45 (stages 4 and 5) the placement, and _s96 at the end the input size; "
    "ssdlite_, deeplabv3_ or lraspp_ before the backbone puts a head on it"
)

_NAME = re.compile(
    r"(?:(?P<head>{})_)?(?P<base>.+?)(?:_w(?P<width>\d{{3}}))?"
    r"(?:_(?P<kind>{})(?:_r(?P<reduction>[1-9]\d*))?(?:_(?P<placement>{}|{}[1-9]+))?)?"
    r"(?:_s(?P<size>[1-9]\d*))?".format("|".join(HEADS), "|".join(KINDS), "|".join(PLACEMENTS), AT)
)
# Below this a network of stride 32 has no map left.
LEAST_SIZE = 32
SCENES = "scenes"
COCO_NUMBERS = 91
SHIPPED_IN = "heads"
"""The folder of the checkpoints of models with a head, among all checkpoints."""


def parse(name: str, models: Mapping[str, ModelSpec]) -> ModelSpec | None:
    """What a name asks for, its cost not counted; None for no composition of what there is."""
    found = _NAME.fullmatch(name)
    base = models.get(found["base"]) if found else None
    if found is None or base is None or base.attention not in ("none", OWN):
        return None
    if found["head"] is not None:
        if base.backbone not in HEADED:
            return None
        base = _headed(base, found["head"])
    width, size = found["width"], found["size"]
    ending = (f"_w{width}" if width else "") + (f"_s{size}" if size else "")
    changed = replace(
        base,
        name=name,
        width=int(width) / 100 if width else base.width,
        input_size=int(size) if size else base.input_size,
        baseline=base.baseline + ending,
        published=None,
        checkpoint=None,
    )
    if changed.width <= 0 or changed.input_size < LEAST_SIZE:
        return None
    if found["kind"] is None:
        return changed if ending or found["head"] else None
    kind = KINDS[found["kind"]]
    if found["reduction"] and kind.reduction is None:
        return None
    if not _ascending(found["placement"] or ""):
        return None
    return replace(
        changed,
        attention=found["kind"],
        placement=found["placement"] or kind.placement,
        reduction=int(found["reduction"]) if found["reduction"] else kind.reduction,
    )


def _ascending(placement: str) -> bool:
    """Whether the stages of a placement, if it names any, stand in one order and once each."""
    stages = placement.removeprefix(AT) if placement.startswith(AT) else ""
    return list(stages) == sorted(set(stages))


def _headed(base: ModelSpec, head: str) -> ModelSpec:
    """A backbone's model with a head in the place of its classifier, not yet counted.

    On the digit scenes it has the scenes' classes and a background. torchvision's SSDLite on
    MobileNetV3 has COCO's 91 numbers of categories, of which eleven stand for nothing.
    """
    kind, scenes = HEADS[head], base.data == SCENES
    classes = base.num_classes + 1 if scenes else kind.classes
    if kind.task == DETECTION and base.backbone.startswith("mobilenet_v3"):
        classes = COCO_NUMBERS
    return replace(
        base,
        head=head,
        baseline=f"{head}_{base.baseline}",
        data=SCENES if scenes else kind.data,
        num_classes=classes,
        input_size=kind.scenes_size if scenes else kind.input_size,
    )


def declared(row: HeadRow, models: Mapping[str, ModelSpec]) -> ModelSpec:
    """A composed model with the cost that a table declares."""
    spec = parse(row.name, models)
    assert spec is not None
    return replace(
        spec,
        parameters=row.parameters,
        madds=row.madds,
        multiplies=row.multiplies,
        published=PUBLISHED.get(row.name),
        checkpoint=f"{SHIPPED_IN}/{row.name}" if row.shipped else None,
    )


@functools.cache
def counted(wanted: ModelSpec) -> ModelSpec:
    """The model with its parameters and MAdds counted. Needs torch.

    Raises `UnknownNameError` for a stage that it has no attention in.
    """
    import torch

    from edgebench.models.backbones import ablation
    from edgebench.models.backbones.build import network
    from edgebench.models.count import count

    with torch.device("meta"):
        module = network(wanted)
        cost = count(module, wanted.input_size)
    if wanted.placement.startswith(AT):
        there = ablation.stages(module)
        for stage in map(int, wanted.placement.removeprefix(AT)):
            if stage not in there:
                everywhere = replace(wanted, placement="expanded")
                with torch.device("meta"):
                    known = ablation.stages(network(everywhere))
                what = f"stage with attention in {wanted.backbone}"
                raise UnknownNameError(what, str(stage), map(str, known))
    return replace(wanted, parameters=cost.parameters, madds=cost.madds, multiplies=cost.multiplies)
