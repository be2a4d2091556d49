"""The models by name.

Light on purpose: listing the models needs no framework. `edgebench.models.build` makes them.
"""

from __future__ import annotations

from edgebench.errors import UnknownNameError
from edgebench.models.backbones.mobilenet_v2 import rows as mobilenet_v2
from edgebench.models.spec import ABLATED, ModelSpec

MODELS: dict[str, ModelSpec] = {}


def register(spec: ModelSpec) -> None:
    """Add a model. Raises `ValueError` where the name is taken."""
    if spec.name in MODELS:
        raise ValueError(f"model '{spec.name}' is registered twice")
    MODELS[spec.name] = spec


def known(name: str) -> bool:
    """Whether a name is a model's, or that of one without a stage. Needs no framework."""
    return name.partition(ABLATED)[0] in MODELS


def get(name: str) -> ModelSpec:
    """The model of that name, such as `mobilenet_v2_ca` or `mobilenet_v2_ca~stage2`.

    Raises `UnknownNameError`, which lists the names there are.
    """
    whole, mark, stage = name.partition(ABLATED)
    if whole not in MODELS:
        raise UnknownNameError("model", name, MODELS)
    if not mark:
        return MODELS[whole]
    from edgebench.models import ablated  # Counts a network, so it needs torch.

    known = {ablated.name(whole, one): one for one in ablated.stages(MODELS[whole])}
    if name not in known:
        raise UnknownNameError(f"stage with attention in {whole}", stage, map(str, known.values()))
    return ablated.spec_without(MODELS[whole], known[name])


for _model in mobilenet_v2.MODELS:
    register(_model)
