"""The explanation as sentences and tables, for every kind of report.

Measured and counted figures never share a column; columns of counts are marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgebench.benchmarks.formatting import (
    MISSING,
    megabytes,
    millions,
    milliseconds,
    milliseconds_in,
    share_in,
    signed,
    whole,
)
from edgebench.benchmarks.report.columns import COUNTED
from edgebench.benchmarks.report.wording import sentence
from edgebench.benchmarks.results.explanation import Counted, Explained, KindCost, StageCost
from edgebench.intervals import Estimate

COUNTS = tuple(name + COUNTED for name in ("MAdds M", "each M", "moved MB"))

ADDED_UP = 0.25
"""The part of the whole that may be left over, at most, where parts are said to add up to it."""

COARSE = 0.8
"""If a profile's operations make up less of the inference than this, the report says why."""

KINDS = {
    "pooling": "attention: means and maxima",
    "convolution": "attention: convolutions",
    "depthwise": "attention: depthwise convolutions",
    "linear": "attention: linear layers",
    "multiply": "attention: products",
    "add": "attention: sums",
    "activation": "attention: activations",
    "move": "attention: copies and reshapes",
    "other": "attention: other",
    None: "the rest of the network",
}
STAGES_LEGEND = (
    "Cost: the model's time less its time without that stage's attention, from pairs of "
    "inferences, with its 95 % interval. Share: of the whole overhead. Profiler: the time of that "
    "attention's operations in the runtime's own profile, which slows the runtime down. "
)
KINDS_LEGEND = "Profiler: from the runtime's own profile, which slows the runtime down. "
COUNTED_LEGEND = (
    "Counted from the file's shapes and types, not measured: MAdds* (multiply-adds), each* "
    "(operations on single elements) and moved* (bytes read and written)."
)


@dataclass(frozen=True)
class ExplainedTable:
    """Columns by name, rows of cells, and what to know of them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    legend: str


def name(model: Explained) -> str:
    return f"{model.model}, {model.format} {model.precision}"


def sentences(model: Explained) -> list[str]:
    """What costs the most, whether the stages add up, why, and what not to rely on."""
    found = []
    if model.reasons:
        reason = sentence(model.reasons[0])
        found.append(f"No verdict: {reason}. The figures failed a check: do not rely on them.")
    if model.whole_s is not None and model.baseline_s is not None:
        found.append(
            f"Attention costs {milliseconds_in(model.whole_s)} ms on top of "
            f"{milliseconds(model.baseline_s)} ms."
        )
    found += _costliest(model.stages)
    if model.remainder_s is not None and model.whole_s is not None:
        found.append(_remainder(model.remainder_s, model.whole_s))
    found.append(_why(model.kinds))
    if model.profile is not None and model.profile.operations_s < COARSE * model.profile.whole_s:
        part = whole(model.profile.operations_s / model.profile.whole_s)
        found.append(
            f"The profiled operations make up only {part} of the profiled inference: operations "
            "shorter than the clock's unit count as zero, and profiling itself takes time."
        )
    return found


def _costliest(stages: Sequence[StageCost]) -> list[str]:
    """The stage that costs the most, where its interval lies above all others."""
    costs = [(one, one.cost_s) for one in stages if one.cost_s is not None]
    if len(costs) < 2:
        return []
    (first, cost), *others = sorted(costs, key=lambda pair: -pair[1].value)
    share = f", {whole(first.share.value)} of it" if first.share else ""
    text = f"Stage {stage(first)} costs the most: {milliseconds_in(cost)} ms{share}"
    rivals = [stage(one) for one, other in others if other.high >= cost.low]
    if rivals:
        return [f"{text}; it may also be {', '.join(rivals)}."]
    return [f"{text}."]


def _remainder(rest: Estimate, of: Estimate) -> str:
    text = milliseconds_in(rest, "+")
    if not rest.low <= 0 <= rest.high:
        return f"The stages do not add up to the whole: {text} ms is left over."
    if max(-rest.low, rest.high) > ADDED_UP * of.value:
        return f"Whether the stages add up to the whole is uncertain: {text} ms is left over."
    return f"The stages add up to the whole: {text} ms is left over, which may be zero."


def _why(kinds: Sequence[KindCost]) -> str:
    """Counted: what attention adds in multiply-adds, beside what it adds in bytes."""
    rest = next(one.counted for one in kinds if one.kind is None)
    attention = [one.counted for one in kinds if one.kind is not None]
    madds = sum(one.madds for one in attention) / rest.madds if rest.madds else 0.0
    moved = sum(one.bytes_moved for one in attention) / rest.bytes_moved if rest.bytes_moved else 0
    return (
        f"Counted, attention adds {signed(madds)} multiply-adds, but {signed(moved)} bytes read "
        "and written."
    )


def stage(one: StageCost) -> str:
    return f"{one.stage} ({one.side}x{one.side})"


def tables(model: Explained) -> tuple[ExplainedTable, ...]:
    """By stage and by kind of operation."""
    return (
        ExplainedTable(
            title=f"Attention by stage: {name(model)}",
            columns=("stage", "cost ms [95 %]", "share % [95 %]", "profiler ms", *COUNTS),
            rows=(
                *(
                    (
                        stage(one),
                        _time_in(one.cost_s),
                        share_in(one.share) if one.share else MISSING,
                        _profiler(one.profiled_s),
                        *_counts(one.counted),
                    )
                    for one in model.stages
                ),
                ("left over", _time_in(model.remainder_s), *[""] * 5),
                ("whole", _time_in(model.whole_s), *[""] * 5),
            ),
            legend=STAGES_LEGEND + COUNTED_LEGEND,
        ),
        ExplainedTable(
            title=f"By operation: {name(model)}",
            columns=("operations", "number", "profiler ms", *COUNTS),
            rows=tuple(
                (
                    KINDS[one.kind],
                    str(one.counted.operations),
                    _profiler(one.profiled_s),
                    *_counts(one.counted),
                )
                for one in model.kinds
            ),
            legend=KINDS_LEGEND + COUNTED_LEGEND,
        ),
    )


def _time_in(found: Estimate | None) -> str:
    return MISSING if found is None else milliseconds_in(found)


def _profiler(time_s: float | None) -> str:
    """A time from a profiler's clock, whose unit is a microsecond."""
    return "< 0.001" if time_s is not None and time_s < 1e-6 else milliseconds(time_s)


def _counts(found: Counted) -> tuple[str, str, str]:
    return (millions(found.madds), millions(found.elementwise), megabytes(found.bytes_moved))
