"""The artifacts of an almost empty graph, which show what the call itself takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.places import data_folder
from edgebench.version import __version__

if TYPE_CHECKING:
    from edgebench.converters.export.request import ExportRequest
    from edgebench.converters.targets import Target

SHAPE = (1, 8, 8, 8)
"""So few numbers that they take no time, and enough for kernels that take several at once."""


SAMPLES = 64


def folder() -> Path:
    """Where they are kept: they are the same for all models, but not for all versions."""
    return data_folder() / "call_floor" / __version__


def _noise() -> Path:
    """A folder of noise, for the ranges of int8: what they are changes no time."""
    import numpy as np

    noise, chance = folder() / "noise", np.random.default_rng(0)
    noise.mkdir(parents=True, exist_ok=True)
    for number in range(SAMPLES):
        values = chance.standard_normal(SHAPE[1:], dtype=np.float32)
        np.savez(noise / f"{number}.npz", input=values)
    return noise


def missing(targets: Sequence[Target], command: str) -> list[ExportRequest]:
    """The request for those that are not there yet: none or one."""
    from torch import nn

    from edgebench.converters.artifact import find_artifacts
    from edgebench.converters.export.request import ExportRequest
    from edgebench.deploy.documents.plan import CALL_FLOOR

    kept = [one.manifest for one in find_artifacts(folder())] if folder().exists() else []
    there = {(one.format, one.precision) for one in kept}
    lacking = tuple(one for one in targets if (one.format, one.precision) not in there)
    if not lacking:
        return []
    request = ExportRequest(
        source=CALL_FLOOR,
        module=nn.ReLU(),
        input_shapes={"input": SHAPE},
        targets=lacking,
        calibration=str(_noise()),
        out=folder(),
        command=command,
    )
    return [request]
