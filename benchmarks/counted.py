"""What is counted or compared, and not timed: instructions, and outputs beside the host's own."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median_low

import numpy as np

from edgebench.benchmarks import proportions
from edgebench.benchmarks.comparison import Beside
from edgebench.benchmarks.statistics import Floats
from edgebench.deploy.result import Evaluation, RunResult


def instructions(evaluation: Evaluation) -> int | None:
    """Those of one inference: the median of the counts, which hardly differ."""
    return median_low(evaluation.instructions) if evaluation.instructions else None


def overhead(own: Evaluation, baseline: Evaluation) -> float | None:
    """The share of instructions that one artifact executes beyond another's."""
    ours, theirs = instructions(own), instructions(baseline)
    return ours / theirs - 1 if ours and theirs else None


def interrupted(evaluations: Iterable[Evaluation]) -> bool:
    """Whether something that runs was not counted."""
    return any(not one.error and one.instructions is None for one in evaluations)


def beside(outputs: Floats, theirs: Floats, host: RunResult, form: str) -> Beside:
    """How outputs differ from the host's own of the same file, both (N, ...)."""
    return Beside(
        machine=host.context.machine,
        runtime=host.context.runtimes[form],
        samples=len(outputs),
        agreement=proportions.proportion(outputs.argmax(-1) == theirs.argmax(-1)),
        snr_db=proportions.snr_db(theirs, outputs),
        max_abs_error=float(np.abs(outputs - theirs).max()),
    )
