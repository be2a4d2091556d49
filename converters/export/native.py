"""What the runtime's own kernels lose on this processor. It is the device's loss, not the file's.

A file is proved in exact arithmetic, since some processors compute it otherwise: x86 kernels for
processors without VNNI saturate on 8-bit weights. Nothing is refused for that; the user is told.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from edgebench.content import Content
from edgebench.converters import parity
from edgebench.converters.artifact import Hop
from edgebench.converters.backend import Backend
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.targets import FORMATS, Target
from edgebench.errors import UnsupportedModelError

NOTABLE_DB = 6.0
"""The error has doubled. Two exact evaluations of an int8 file differ by up to 1 dB in rounding."""

INAUDIBLE_DB = 60.0
"""No loss above this SNR is worth a word."""


def measure(
    target: Target,
    backend: Backend[Any],
    graph: OnnxGraph,
    content: Content,
    expected: parity.Outputs,
    trial: parity.Trial,
    exact: Hop,
    note: Callable[[str], None],
) -> Hop | None:
    """How far the outputs on this processor are from the ONNX graph's; None where they are exact.

    `exact` is the proof of the same file. `note` hears of a notable loss, and of a file that the
    runtime cannot run here.
    """
    if not FORMATS[target.format].kernels_vary:
        return None
    try:
        opened = backend.open_converted(graph, content, exact=False)
    except UnsupportedModelError as error:
        note(f"{graph.name} in {target} does not run on this machine: {error.message}")
        return None
    outputs = opened.run_all(trial.samples)
    found = parity.measure(f"onnx->{target}, this processor", expected, outputs, trial)
    if found is None:
        note(f"{graph.name} in {target} gives NaN or infinite values on this processor")
    elif notable(exact, found):
        note(_sentence(graph.name, target, exact, found))
    return found


def notable(exact: Hop, native: Hop) -> bool:
    """Whether the loss is worth a word."""
    return lower(exact.snr_db, native.snr_db)


def lower(exact_db: float | None, native_db: float | None) -> bool:
    """Whether an SNR here is notably below that of the file; None: equal."""
    here = math.inf if native_db is None else native_db
    file = math.inf if exact_db is None else exact_db
    return here < min(file - NOTABLE_DB, INAUDIBLE_DB)


def _sentence(name: str, target: Target, exact: Hop, native: Hop) -> str:
    figures = f"{native.snr_db:.1f} dB instead of "
    figures += "equal outputs" if exact.snr_db is None else f"{exact.snr_db:.1f} dB"
    text = (
        f"{name} in {target} is right, but the runtime's kernels lose accuracy on this "
        f"processor ({figures})"
    )
    if target.base == "int8":
        text += (
            "; x86 processors without VNNI saturate on 8-bit weights: for them, export "
            f"{target.format}:int8r, which has 7-bit weights"
        )
    return text
