"""The answer in one or two sentences, and the notes on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

from edgebench.benchmarks.formatting import (
    milliseconds,
    milliseconds_in,
    signed,
    signed_in,
    threshold,
    whole,
)
from edgebench.benchmarks.gate.verdict import Outcome
from edgebench.benchmarks.report import sustained
from edgebench.benchmarks.report.verdicts import verdict
from edgebench.benchmarks.report.wording import alike, remedy, sentence, with_remedy
from edgebench.benchmarks.results.comparison import Comparison, GroupComparison, ModelRow

COUNTED_AS = {
    "refuted": "above {}",
    "supported": "below {}",
    "undecided": "undecided",
    "no verdict": "without a verdict",
}
"""What a number of overheads is called beside others, by the verdict on them."""

_LISTED = 4
"""More times are a range."""


@dataclass(frozen=True)
class Headline:
    """`outcome` selects the colour, `answer` is the sentence, `detail` its basis."""

    outcome: str
    answer: str
    detail: str


def compared(comparison: Comparison) -> list[ModelRow]:
    """All rows that have a verdict on a model, so neither baselines nor A/A."""
    return [
        row
        for group in comparison.groups
        for row in group.rows
        if row.verdict is not None and not row.against_itself
    ]


def headline(comparison: Comparison) -> Headline:
    """The answer to the one question: is attention nearly free on this device?"""
    if comparison.measures == "instructions":
        return counted(comparison)
    if comparison.measures == "outputs":
        return emulated(comparison)
    if comparison.sustained is not None:
        return Headline(*sustained.answer(comparison, comparison.sustained))
    rows = compared(comparison)
    if not rows:
        return _against_itself(comparison)
    outcomes = Counter(row.verdict.outcome for row in rows if row.verdict)
    allowed = threshold(comparison.threshold)
    if len(outcomes) > 1:
        return Headline("mixed", _mixed(outcomes, allowed), _detail(rows))
    (outcome,) = outcomes
    return Headline(outcome, _one_answer(comparison, rows, outcome, allowed), _detail(rows))


def _one_answer(
    comparison: Comparison, rows: list[ModelRow], outcome: Outcome, allowed: str
) -> str:
    """The answer where all rows have the same verdict."""
    who, over = _compared(comparison, rows)
    everywhere = f", in all {len(rows)} comparisons" if len(rows) > 1 else ""
    if outcome == "supported":
        return f"Yes: {who} less than {allowed}{over} here{everywhere}."
    if outcome == "refuted":
        return f"No: {who} more than {allowed}{over} here{everywhere}."
    if outcome == "undecided":
        return f"Undecided: this run cannot tell whether the overhead is above {allowed}."
    return "No verdict: this run failed a check and cannot be trusted."


def _mixed(outcomes: Counter[Outcome], allowed: str) -> str:
    """Mostly no: of 12 overheads, 10 are above 5 % and 2 undecided."""
    first = {"refuted": "Mostly no", "supported": "Mostly yes"}
    (name, number), *_ = outcomes.most_common()
    mostly = number > outcomes.total() / 2
    lead = first.get(name, "It depends") if mostly else "It depends"
    parts = [f"{n} {COUNTED_AS[name].format(allowed)}" for name, n in outcomes.most_common()]
    parts[0] = parts[0].replace(" ", " is " if number == 1 else " are ", 1)
    return f"{lead}: of {outcomes.total()} overheads, {_listed(parts)}."


def _against_itself(comparison: Comparison) -> Headline:
    """The answer of a run that compares baselines with themselves alone: how long they take."""
    itself = [row for group in comparison.groups for row in group.rows if row.verdict]
    outcomes = Counter(row.verdict.outcome for row in itself if row.verdict)
    outcome: str = next(iter(outcomes)) if len(outcomes) == 1 else "undecided"
    if len(itself) == 1:
        said = verdict(itself[0], comparison.threshold)
        said = said[0].upper() + said[1:]
    else:
        alike = outcomes["no difference"]
        said = f"{alike} of {len(itself)} show no difference against themselves."
    models = {row.model for row in itself}
    firsts = [(group.rows[0].latency, group.kind) for group in comparison.groups]
    times = sorted((one.median_s, kind) for one, kind in firsts if one is not None)
    if len(models) > 1 or not times or outcomes["no verdict"]:
        return Headline(outcome, said, "")
    each = [f"{milliseconds(median_s)} ms ({kind})" for median_s, kind in times]
    listed = _listed(each) if len(each) <= _LISTED else f"{each[0]} to {each[-1]}"
    return Headline(outcome, f"{models.pop()} takes {listed}.", said)


def counted(comparison: Comparison) -> Headline:
    """The counted instructions, which do not answer the question."""
    rows = [row for group in comparison.groups for row in group.rows]
    others = [row for row in rows if not row.against_itself]
    overheads = [one.instruction_overhead for one in others if one.instruction_overhead is not None]
    if not overheads:
        return Headline("counted", "Counted, not timed. No model was compared with another.", "")
    madds = [row.madds_overhead for row in others if row.madds_overhead is not None]
    takes = "attention adds" if _of_attention(comparison) else "the others add"
    counted = f" for {_range(madds)} multiply-adds" if madds else ""
    answer = f"Counted, not timed: {takes} {_range(overheads)} instructions{counted}."
    detail = (
        "Instructions are not time: what one costs depends on memory and the processor, so this is "
        "no verdict on the claim."
    )
    if any(row.weights == "untrained" for row in rows):
        detail += " Some weights are untrained, so their accuracy means nothing."
    return Headline("counted", answer, detail)


def emulated(comparison: Comparison) -> Headline:
    """Whether the emulated processor runs the models; what it computes is in the tables."""
    rows = [row for group in comparison.groups for row in group.rows if row.runs_here]
    failed = sum(row.error is not None for row in rows)
    ran = f"{len(rows) - failed} of {len(rows)}" if failed else f"all {len(rows)}"
    answer = f"Emulated, not timed: {ran} files ran whole on the NPU."
    return Headline(
        "counted",
        answer,
        "The tables show what the NPU's arithmetic does to outputs and accuracy. Its "
        "emulator's times mean nothing, so there is no verdict on the claim.",
    )


def _compared(comparison: Comparison, rows: list[ModelRow]) -> tuple[str, str]:
    """The subject of the answer and its baseline: attention, unless the models are a user's own."""
    if _of_attention(comparison):
        return "attention costs", ""
    baselines = dict.fromkeys(group.rows[0].model for group in comparison.groups)
    who = f"{rows[0].model} costs" if len(rows) == 1 else "the others cost"
    return who, f" over {' or '.join(baselines)}"


def _of_attention(comparison: Comparison) -> bool:
    """Whether attention is what differs from the baselines: of models of the zoo, which are not
    one network with and without its post-processing (`ssd+raw`)."""
    rows = [row for group in comparison.groups for row in group.rows]
    networks = [
        {row.model.partition("+")[0] for row in group.rows}
        for group in comparison.groups
        if len({row.model for row in group.rows}) > 1
    ]
    one_network = bool(networks) and all(len(one) == 1 for one in networks)
    return not one_network and any(row.weights != "unknown" for row in rows)


def trusted(rows: list[ModelRow]) -> list[ModelRow]:
    """The rows that have a verdict, because their run passed its checks."""
    return [row for row in rows if row.verdict and row.verdict.outcome != "no verdict"]


def _detail(rows: list[ModelRow]) -> str:
    overheads = [row.overhead.value for row in trusted(rows) if row.overhead is not None]
    madds = [row.madds_overhead for row in rows if row.madds_overhead is not None]
    parts = []
    if overheads:
        parts.append(f"Measured overhead in time: {_range(overheads)}.")
    else:
        first = next(row.verdict.reasons[0] for row in rows if row.verdict)
        parts.append(
            f"Reason: {sentence(first)}. The figures below failed a check: do not rely on them."
        )
        parts.append(f"For a verdict: {remedy(first)}.")
    if madds:
        parts.append(f"Counted overhead in multiply-adds: {_range(madds)}.")
    if any(row.weights == "untrained" for row in rows):
        parts.append("Some weights are untrained, so their accuracy means nothing.")
    return " ".join(parts)


def _range(values: list[float]) -> str:
    low, high = signed(min(values)), signed(max(values))
    return low if low == high else f"{low} to {high}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def warnings(comparison: Comparison) -> list[str]:
    """The notes on a run, each once."""
    found: dict[Hashable, list[str]] = {}

    def add(key: Hashable, text: str) -> None:
        found.setdefault(key, []).append(text)

    if comparison.interrupted:
        add("interrupted", _interrupted(comparison))
    for judged in comparison.verdicts:
        for reason in judged.reasons[1:]:  # The first is part of the verdict's sentence.
            add(alike(reason), with_remedy(reason))
        for note in judged.notes:
            add(alike(note), sentence(note))
    for group in comparison.groups:
        if group.call_s is not None:
            add(group.name, _call(group))
        for row in group.rows:
            if row.error and row.verdict is None:
                add(row.slot, f"{row.slot} does not run: {row.error}")
    elsewhere = {g.format for g in comparison.groups for row in g.rows if not row.runs_here}
    for name in sorted(elsewhere):
        add((name, "elsewhere"), f"{name} files do not run on {comparison.device}")
    for said in sustained.notes(comparison.sustained) if comparison.sustained else ():
        add(said, said)
    for one in comparison.warnings:
        add(alike(one), with_remedy(one))
    return [_first_of(list(dict.fromkeys(texts))) for texts in found.values()]


def _call(group: GroupComparison) -> str:
    """An almost empty graph takes 0.021 ms [0.020, 0.022]: 12 % of the latency of the baseline."""
    assert group.call_s is not None
    shares = [row.call.share for row in group.rows if row.call]
    nets = [(row.model, row.call.net) for row in group.rows if row.call and row.call.net]
    said = f"an almost empty graph takes {milliseconds_in(group.call_s)} ms ({group.kind})"
    if shares:
        said += f", {whole(max(shares))} of {group.rows[0].model}'s latency"
    if nets:
        listed = ", ".join(f"{model} {signed_in(net.value, net)}" for model, net in nets)
        said += f"; without it the overheads are about {listed}"
    return said


def _interrupted(comparison: Comparison) -> str:
    done = f"{comparison.blocks_done} of {comparison.blocks_planned} blocks"
    if comparison.measures == "instructions":
        done = "some of the counts"
    elif comparison.measures == "outputs":
        done = "some of the files"
    return f"the run was interrupted after {done}; continue with --resume"


def _first_of(texts: list[str]) -> str:
    """The first of texts that differ in figures only, and how many more there are."""
    first, *others = texts
    return first + (f" (and {len(others)} more like it)" if others else "")
