"""What the NPUs of phones leave to the CPU of a .tflite file, as far as it can be known here."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from edgebench.converters.lint.lint import lint
from edgebench.deploy.npu.compiler import placement
from edgebench.deploy.npu.socs import soc
from edgebench.errors import EdgeBenchError

COMPILED = "SM8650"
"""The SoC whose compiler is asked, where it is installed."""

LISTED = ("mediatek", "samsung")
"""Those whose lists of operators are read, for their compilers do not run here."""


def left_over(path: Path) -> dict[str, dict[str, int]]:
    """By NPU, the operators that it leaves, with their number; empty for one that takes all.

    An NPU whose compiler is not installed is left out.
    """
    found = {name: _refused(path, name) for name in LISTED}
    try:
        left = placement(path, soc(COMPILED)).left
    except EdgeBenchError:
        return found
    return {COMPILED: dict(Counter(one.type for one in left)), **found}


def _refused(path: Path, delegate: str) -> dict[str, int]:
    """The operators that are not on a vendor's list."""
    rule = f"{delegate}-op"
    findings = (one for one in lint(path, (delegate,)).findings if one.rule.id == rule)
    return dict(Counter(spot.op.partition(" ")[0] for one in findings for spot in one.spots))
