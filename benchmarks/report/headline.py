"""The answer in one or two sentences, and what a reader has to know beside it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from edgebench.benchmarks.formatting import signed
from edgebench.benchmarks.planning.design import AGAIN
from edgebench.benchmarks.results.comparison import Comparison, Row

_FIGURE = re.compile(r"[-+]?\b\d[\d.]*")

COUNTED_AS = {
    "refuted": "{} cost too much",
    "supported": "{} nearly nothing",
    "undecided": "{} undecided",
    "no verdict": "{} without a verdict",
}


@dataclass(frozen=True)
class Headline:
    """`outcome` names the answer's colour, `answer` is the sentence, `detail` what it rests on."""

    outcome: str
    answer: str
    detail: str


def compared(comparison: Comparison) -> list[Row]:
    """All rows that have a verdict on a model, so neither baselines nor A/A."""
    return [
        row
        for group in comparison.groups
        for row in group.rows
        if row.verdict is not None and not row.slot.endswith(AGAIN)
    ]


def headline(comparison: Comparison) -> Headline:
    """The answer to the one question: is attention nearly free on this device?"""
    if comparison.measures == "instructions":
        return counted(comparison)
    rows = compared(comparison)
    if not rows:
        itself = comparison.verdicts
        answer = (
            itself[0].sentence
            if len(itself) == 1
            else f"{len(itself)} baselines against themselves."
        )
        alike = len({one.outcome for one in itself}) == 1
        outcome: str = itself[0].outcome if alike else "undecided"
        return Headline(outcome, answer[0].upper() + answer[1:], "")
    counts = Counter(row.verdict.outcome for row in rows if row.verdict)
    allowed = f"{comparison.threshold * 100:.3g} %"
    who, over = _compared(comparison, rows)
    if len(counts) == 1:
        outcome = next(iter(counts))
        answer = {
            "supported": f"Yes: {who} less than {allowed}{over} here.",
            "refuted": f"No: {who} more than {allowed}{over} here.",
            "undecided": f"Undecided: this run cannot tell the overhead from {allowed}.",
            "no verdict": "No verdict: this run cannot be trusted with an answer.",
        }[outcome]
        if len(rows) > 1 and outcome in ("supported", "refuted"):
            answer = answer[:-1] + f", in all {len(rows)} comparisons."
    else:
        outcome = "mixed"
        first = {"refuted": "Mostly no", "supported": "Mostly yes"}
        name, number = counts.most_common(1)[0]
        lead = first.get(name, "It depends") if number > len(rows) / 2 else "It depends"
        parts = [COUNTED_AS[name].format(number) for name, number in counts.most_common()]
        answer = f"{lead}: of {len(rows)} comparisons, {_listed(parts)} ({allowed} is allowed)."
    return Headline(outcome, answer, _detail(rows))


def counted(comparison: Comparison) -> Headline:
    """What was counted, which is no answer on time."""
    rows = [row for group in comparison.groups for row in group.rows]
    overheads = [one.instruction_overhead for one in rows if one.instruction_overhead is not None]
    if not overheads:
        return Headline("counted", "Nothing was counted.", "")
    madds = [row.madds_overhead for row in rows if row.madds_overhead is not None]
    who = "the others" if all(group.foreign for group in comparison.groups) else "attention"
    takes = f"{who} adds" if who == "attention" else f"{who} add"
    beside = f" for {_range(madds)} multiply-adds" if madds else ""
    answer = f"Counted, not timed: {takes} {_range(overheads)} instructions{beside}."
    detail = (
        "Instructions are no time: memory and the processor's width decide what one costs, so this "
        "is no verdict on the claim."
    )
    if any(row.weights == "untrained" for row in rows):
        detail += " Some weights are untrained: those say nothing on accuracy."
    return Headline("counted", answer, detail)


def _compared(comparison: Comparison, rows: list[Row]) -> tuple[str, str]:
    """What costs, and over what, in words: attention, unless these are somebody else's files."""
    if not all(group.foreign for group in comparison.groups):
        return "attention costs", ""
    baselines = dict.fromkeys(group.rows[0].model for group in comparison.groups)
    who = f"{rows[0].model} costs" if len(rows) == 1 else "the others cost"
    return who, f" over {' or '.join(baselines)}"


def trusted(rows: list[Row]) -> list[Row]:
    """The rows whose run stood up to its checks."""
    return [row for row in rows if row.verdict and row.verdict.outcome != "no verdict"]


def _detail(rows: list[Row]) -> str:
    overheads = [row.overhead.value for row in trusted(rows) if row.overhead is not None]
    madds = [row.madds_overhead for row in rows if row.madds_overhead is not None]
    parts = []
    if overheads:
        parts.append(f"Measured overhead in time: {_range(overheads)}.")
    else:
        reasons = dict.fromkeys(row.verdict.reasons[0] for row in rows if row.verdict)
        parts.append(f"Because {next(iter(reasons))}. The figures are kept; do not rely on them.")
        remedies = [row.verdict.remedies[0] for row in rows if row.verdict and row.verdict.remedies]
        parts += [f"For a verdict: {remedy}." for remedy in remedies[:1]]
    if madds:
        parts.append(f"Counted overhead in multiply-adds: {_range(madds)}.")
    if any(row.weights == "untrained" for row in rows):
        parts.append("Some weights are untrained: those say nothing on accuracy.")
    return " ".join(parts)


def _range(values: list[float]) -> str:
    low, high = signed(min(values)), signed(max(values))
    return low if low == high else f"{low} to {high}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def warnings(comparison: Comparison) -> list[str]:
    """What a reader has to know beside the verdicts, each once."""
    found = []
    if comparison.interrupted and comparison.measures == "instructions":
        found.append("the run was interrupted before all was counted; go on with --resume")
    elif comparison.interrupted:
        found.append(
            f"the run was interrupted after {comparison.blocks_done} of "
            f"{comparison.blocks_planned} blocks; go on with --resume"
        )
    for verdict in comparison.verdicts:
        # The first reason stands in the sentence already.
        said = zip(verdict.reasons[1:], verdict.remedies[1:], strict=False)
        found += [*(f"{reason}: {remedy}" for reason, remedy in said), *verdict.notes]
    found += [
        f"{row.slot} does not run: {row.error}"
        for group in comparison.groups
        for row in group.rows
        if row.error and row.verdict is None and row.runs_here
    ]
    elsewhere = {g.format for g in comparison.groups for row in g.rows if not row.runs_here}
    found += [f"{name} files do not run on {comparison.device}" for name in sorted(elsewhere)]
    return _merged([*found, *comparison.cautions])


def _merged(texts: list[str]) -> list[str]:
    """Each text once; of those that differ in their figures alone the first speaks for all."""
    alike: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        alike.setdefault(without_figures(text), []).append(text)
    return [
        first + (f" (and {len(others)} more like it)" if others else "")
        for first, *others in alike.values()
    ]


def without_figures(text: str) -> str:
    """What texts that differ in their figures alone have in common."""
    return _FIGURE.sub("#", text)
