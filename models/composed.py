"""Any kind of attention in any backbone, by a name made of the two.

`resnet18_ela_late` is `resnet18` with `ela` in its late blocks, `mobilenet_v3_small_ca_r16` has
coordinate attention with a reduction of 16 where the backbone has its own attention. The registry's
rows have names of the same form; these need no row, no weights, and are counted when asked for.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgebench.models.kinds import KINDS, PLACEMENTS
from edgebench.models.spec import OWN, ModelSpec

FORM = "BACKBONE_KIND, then _rN for a reduction and _output or _late for a placement"

_NAME = re.compile(
    r"(?P<base>.+?)_(?P<kind>{})(?:_r(?P<reduction>[1-9]\d*))?(?:_(?P<placement>{}))?".format(
        "|".join(KINDS), "|".join(PLACEMENTS)
    )
)


@dataclass(frozen=True)
class Composition:
    """What a composed name asks for. `base` is a model without added attention."""

    name: str
    base: ModelSpec
    kind: str
    placement: str
    reduction: int | None


def parse(name: str, models: Mapping[str, ModelSpec]) -> Composition | None:
    """What a name asks for; None for one that is no composition of what there is."""
    found = _NAME.fullmatch(name)
    base = models.get(found["base"]) if found else None
    if found is None or base is None or base.attention not in ("none", OWN):
        return None
    kind = KINDS[found["kind"]]
    if found["reduction"] and kind.reduction is None:
        return None
    reduction = int(found["reduction"]) if found["reduction"] else kind.reduction
    return Composition(name, base, found["kind"], found["placement"] or kind.placement, reduction)


@functools.cache
def spec(wanted: Composition) -> ModelSpec:
    """The model, with its parameters and MAdds counted. Needs torch."""
    import torch

    from edgebench.models.backbones.build import network
    from edgebench.models.count import count

    bare = replace(
        wanted.base,
        name=wanted.name,
        attention=wanted.kind,
        placement=wanted.placement,
        reduction=wanted.reduction,
        published=None,
        checkpoint=None,
    )
    with torch.device("meta"):
        cost = count(network(bare), bare.input_size)
    return replace(bare, parameters=cost.parameters, madds=cost.madds, multiplies=cost.multiplies)
