"""The models by name.

Light on purpose: listing the models needs no framework. `edgebench.models.build` makes them.
"""

from __future__ import annotations

from edgebench.errors import UnknownNameError
from edgebench.models import composed
from edgebench.models.backbones.efficientnet import rows as efficientnet
from edgebench.models.backbones.heads.rows import ROWS as HEAD_ROWS
from edgebench.models.backbones.mobilenet_v2 import rows as mobilenet_v2
from edgebench.models.backbones.mobilenet_v3 import rows as mobilenet_v3
from edgebench.models.backbones.mobilenet_v4 import rows as mobilenet_v4
from edgebench.models.backbones.mobilenext import rows as mobilenext
from edgebench.models.backbones.resnet import rows as resnet
from edgebench.models.spec import ABLATED, ModelSpec

MODELS: dict[str, ModelSpec] = {}


def register(spec: ModelSpec) -> None:
    """Add a model. Raises `ValueError` where the name is taken."""
    if spec.name in MODELS:
        raise ValueError(f"model '{spec.name}' is registered twice")
    MODELS[spec.name] = spec


def known(name: str) -> bool:
    """Whether a name is a model's, or that of one without a stage. Needs no framework."""
    whole = name.partition(ABLATED)[0]
    return whole in MODELS or composed.parse(whole, MODELS) is not None


def get(name: str) -> ModelSpec:
    """The model of that name: `mobilenet_v2_ca`, `resnet18_ela_late` or `mobilenet_v2_ca~stage2`.

    A name that is not in the table is composed of those that are; see `composed`.

    Raises `UnknownNameError`, which lists the names there are.
    """
    whole, mark, stage = name.partition(ABLATED)
    spec = MODELS.get(whole) or _composed(whole)
    if not mark:
        return spec
    from edgebench.models import ablated  # Counts a network, so it needs torch.

    known = {ablated.name(whole, one): one for one in ablated.stages(spec)}
    if name not in known:
        raise UnknownNameError(f"stage with attention in {whole}", stage, map(str, known.values()))
    return ablated.spec_without(spec, known[name])


def _composed(name: str) -> ModelSpec:
    wanted = composed.parse(name, MODELS)
    if wanted is None:
        raise UnknownNameError("model", name, MODELS, f" (names have the form {composed.FORM})")
    return composed.counted(wanted)


for _rows in (mobilenet_v2, mobilenext, efficientnet, mobilenet_v3, mobilenet_v4, resnet):
    for _model in _rows.MODELS:
        register(_model)
for _row in HEAD_ROWS:
    register(composed.declared(_row, MODELS))
