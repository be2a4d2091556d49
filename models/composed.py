"""Any kind of attention in any backbone, at any width and input size, by a name made of them.

`resnet18_ela_late` is `resnet18` with `ela` in its late blocks; `mobilenet_v3_small_ca_r16` has
coordinate attention with a reduction of 16 where the backbone has its own attention;
`efficientnet_b0_w050_s96` has half the channels and takes images of 96 pixels. The registry's rows
have names of the same form; these need no row and no weights, and are counted when asked for.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import replace

from edgebench.models.kinds import KINDS, PLACEMENTS
from edgebench.models.spec import OWN, ModelSpec

FORM = (
    "BACKBONE_KIND; _w050 after the backbone sets the width, _r16 after the kind the reduction, "
    "_output or _late the placement, and _s96 at the end the input size"
)

_NAME = re.compile(
    r"(?P<base>.+?)(?:_w(?P<width>\d{{3}}))?"
    r"(?:_(?P<kind>{})(?:_r(?P<reduction>[1-9]\d*))?(?:_(?P<placement>{}))?)?"
    r"(?:_s(?P<size>[1-9]\d*))?".format("|".join(KINDS), "|".join(PLACEMENTS))
)
# Below this a network of stride 32 has no map left.
LEAST_SIZE = 32


def parse(name: str, models: Mapping[str, ModelSpec]) -> ModelSpec | None:
    """What a name asks for, its cost not counted; None for no composition of what there is."""
    found = _NAME.fullmatch(name)
    base = models.get(found["base"]) if found else None
    if found is None or base is None or base.attention not in ("none", OWN):
        return None
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
        return changed if ending else None
    kind = KINDS[found["kind"]]
    if found["reduction"] and kind.reduction is None:
        return None
    return replace(
        changed,
        attention=found["kind"],
        placement=found["placement"] or kind.placement,
        reduction=int(found["reduction"]) if found["reduction"] else kind.reduction,
    )


@functools.cache
def counted(wanted: ModelSpec) -> ModelSpec:
    """The model with its parameters and MAdds counted. Needs torch."""
    import torch

    from edgebench.models.backbones.build import network
    from edgebench.models.count import count

    with torch.device("meta"):
        cost = count(network(wanted), wanted.input_size)
    return replace(wanted, parameters=cost.parameters, madds=cost.madds, multiplies=cost.multiplies)
