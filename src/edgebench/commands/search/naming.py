"""From a backbone and a candidate to a model's name, and to the model that is trained for it."""

from __future__ import annotations

import re

from edgebench.benchmarks.search.candidates import NONE, Candidate
from edgebench.errors import UsageError

SMALL_SIZE = 48
SMALL_WIDTH = "_w035"


def plain(name: str) -> str:
    """The backbone without attention that a user means: EfficientNet's has SE of its own.

    Raises `UnknownNameError`, and `UsageError` for a model with attention.
    """
    from edgebench.models import registry
    from edgebench.models.spec import OWN

    spec = registry.get(name)
    if spec.attention == OWN:
        return spec.baseline
    if spec.attention != NONE or spec.head is not None:
        raise UsageError(
            f"{name} is no backbone: it has attention or a head",
            f"name what it stands on, such as {_bare(spec.backbone)}",
        )
    return name


def _bare(backbone: str) -> str:
    return backbone.removesuffix("_none")


def model(backbone: str, candidate: Candidate) -> str:
    """The name of a candidate's model: the attention stands before the input size."""
    if candidate.kind == NONE:
        return backbone
    stem, size = _parted(backbone)
    return f"{stem}_{candidate.label}{size}"


def _parted(backbone: str) -> tuple[str, str]:
    found = re.fullmatch(r"(.+?)((?:_s\d+)?)", backbone)
    assert found is not None
    return found[1], found[2]


def trained_for(backbone: str, data: str) -> str:
    """The backbone whose trainings stand for this one's on the built-in scenes.

    One of ImageNet's size would take days, so it is narrowed and takes small images. On the
    user's own data, and where it is small already, it is trained itself.
    """
    from edgebench.models import registry

    spec = registry.get(backbone)
    if data != "scenes" or spec.input_size <= 2 * SMALL_SIZE:
        return backbone
    stem, _ = _parted(backbone)
    stem = re.sub(r"_w\d{3}$", "", stem)
    return f"{stem}{SMALL_WIDTH}_s{SMALL_SIZE}"
