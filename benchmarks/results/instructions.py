"""What is counted and not timed: the instructions of an inference."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median_low

from edgebench.deploy.documents.result import EvaluationResult


def instructions(evaluation: EvaluationResult) -> int | None:
    """Those of one inference: the median of the counts, which hardly differ."""
    return median_low(evaluation.instructions) if evaluation.instructions else None


def overhead(own: EvaluationResult, baseline: EvaluationResult) -> float | None:
    """How many more instructions one artifact executes than another, as a share."""
    ours, theirs = instructions(own), instructions(baseline)
    return ours / theirs - 1 if ours and theirs else None


def interrupted(evaluations: Iterable[EvaluationResult]) -> bool:
    """Whether an artifact that runs was not counted."""
    return any(not one.error and one.instructions is None for one in evaluations)
