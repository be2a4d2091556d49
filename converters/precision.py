"""Mixed precisions: a precision of a format, with nodes that are exceptions to it.

    {
     "schema": "edgebench.precision/1",
     "name": "int8-late",
     "base": "int8",
     "exceptions": [{"nodes": "conv2d_4*", "precision": "fp32"}],
     "recipe": "the layers that lose most, found by hand"
    }

Such a file is a target's precision: `--to tflite:int8-late.json`. Artifacts carry its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

from edgebench.documents import load
from edgebench.errors import InvalidFileError

RangeMethod = Literal["extremes", "average", "percentile", "error", "own"]
"""How a range is chosen: the extremes over all samples; the mean of each sample's extremes; what
leaves out one number in 10,000 at either end; the range with the least squared error; and the
model's own, where it was quantised already or trained to be."""

METHODS: tuple[RangeMethod, ...] = get_args(RangeMethod)
DEFAULT: RangeMethod = "extremes"
OWN: RangeMethod = "own"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Exceptions:
    """Nodes of the ONNX graph, in the form that the target gets, and their own precision.

    `nodes` is the name of a node or of a value that it makes, or a pattern such as `conv2d_4*`.
    """

    nodes: str
    precision: Literal["fp32"] = "fp32"


@dataclass(frozen=True)
class MixedPrecision:
    """A precision of a format (`base`) with exceptions; `recipe` says what they come from.

    `ranges` is how the ranges of activations are chosen, None for what does best.
    """

    SCHEMA: ClassVar[str] = "edgebench.precision/1"

    name: str
    base: str
    exceptions: tuple[Exceptions, ...]
    recipe: str = ""
    ranges: RangeMethod | None = None


def read(path: Path) -> MixedPrecision:
    """Read a file. Raises `InvalidFileError`."""
    found = load(path, MixedPrecision)
    if not _NAME.fullmatch(found.name):
        raise InvalidFileError(
            f"'{found.name}' in {path} cannot be part of a file's name",
            "use letters, digits, hyphens and underscores",
        )
    if not found.exceptions:
        raise InvalidFileError(
            f"{path} names no exceptions", f"export to the precision {found.base} itself"
        )
    return found
