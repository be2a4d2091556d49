"""A run under load in words: the answer, the table and what the device told of heat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from edgebench.benchmarks.formatting import (
    MISSING,
    milliseconds,
    signed,
    signed_in,
    threshold,
)
from edgebench.benchmarks.report.wording import sentence, with_remedy
from edgebench.benchmarks.results.comparison import Comparison, GroupComparison
from edgebench.benchmarks.results.energy import EnergySource, ModelEnergy
from edgebench.benchmarks.results.sustained import Sustained, SustainedModel
from edgebench.intervals import Estimate

TONES = {
    "steady": "supported",
    "slower": "refuted",
    "unclear": "undecided",
    "no answer": "no verdict",
}
"""The verdicts whose colours the outcomes have."""

COLUMNS = ("model", "first ms", "last ms", "change [95 %]", "mJ", "mJ more", "under load")

ENERGY: dict[EnergySource, str] = {
    "package": "of the processor, by its own counter, with all that ran there",
    "battery_power": "of the whole device with its screen, by the battery's current and voltage",
    "battery_charge": "of the whole device with its screen, by what went out of the battery",
}


@dataclass(frozen=True)
class Table:
    """The table of a run under load: sections of a heading and rows of cells."""

    title: str
    columns: tuple[str, ...]
    sections: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
    legend: str


def duration(seconds: float) -> str:
    """A time of a load, as precise as one needs: 24 s, 3.2 min, 12 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 9.95 else f"{minutes:.0f} min"


def answer(comparison: Comparison, found: Sustained) -> tuple[str, str, str]:
    """The outcome that gives the colour, the answer in a sentence, and its basis."""
    outcomes = Counter(one.outcome for one in found.models)
    allowed, loaded = threshold(comparison.threshold), duration(found.to_s - found.from_s)
    detail = " ".join((*_told(found), energy(found)))
    if len(outcomes) > 1:
        slower = outcomes["slower"]
        said = f"{slower} of {outcomes.total()} models take more than {allowed} longer"
        if not slower:
            said = f"{outcomes['steady']} of {outcomes.total()} models are steady"
        return "mixed", f"After {loaded} of load, {said}.", detail
    (outcome,) = outcomes
    if outcome == "slower":
        said = f"Slower under load: after {loaded} {_range(found)} longer than at first."
    elif outcome == "steady":
        said = f"Steady: after {loaded} of load no model takes {allowed} longer than at first."
    elif outcome == "unclear":
        said = f"Unclear: this run cannot tell whether load makes a model {allowed} slower."
    else:
        first = next(one.reason for one in found.models if one.reason)
        said = "No answer: the load was too short, or not on what was asked for."
        detail = f"Reason: {with_remedy(first)}."
    return TONES[outcome], said, detail


def _range(found: Sustained) -> str:
    changes = [one.change.value for one in found.models if one.change]
    low, high = signed(min(changes))[1:], signed(max(changes))[1:]
    all_models = f"all {len(changes)} models take" if len(changes) > 1 else "the model takes"
    return f"{all_models} {low}" + (f" to {high}" if low != high else "")


def _told(found: Sustained) -> Iterator[str]:
    """What the device told of heat and speed, in sentences."""
    states = found.states
    celsius = [one.temperature_c for one in states if one.temperature_c is not None]
    statuses = [(one.thermal_status, one.at_s) for one in states if one.thermal_status is not None]
    speeds = [one.frequency_khz for one in states if one.frequency_khz is not None]
    throttled = [one.at_s for one in states if one.throttled]
    if celsius:
        hottest = f"{max(celsius):.0f} °C"
        from_ = f"rose from {celsius[0]:.0f} to" if max(celsius) - celsius[0] >= 1 else "was at"
        yield f"The hottest sensor {from_} {hottest}."
    if statuses:
        highest, at_s = max(statuses, key=lambda one: one[0])
        reached = f"reached {highest} of 6, first after {duration(at_s)}"
        yield f"The thermal status {reached if highest else 'stayed at 0 of 6'}."
    if throttled:
        yield f"The processor was throttled, first after {duration(throttled[0])}."
    if speeds:
        lowest = min(speeds)
        then = f", and at {lowest / 1e6:.2f} GHz at the lowest" if lowest < speeds[0] else ""
        yield f"The core ran at {speeds[0] / 1e6:.2f} GHz{then}."
    if not (celsius or statuses or speeds or throttled):
        yield "The device tells neither temperatures nor frequencies."


def energy(found: Sustained) -> str:
    """Where the figures of energy are from, or why there are none."""
    known = found.energy
    if known.source is None:
        assert known.unknown is not None
        return f"Energy is not known: {with_remedy(known.unknown)}."
    return f"Energy is {ENERGY[known.source]}."


def table(comparison: Comparison, found: Sustained) -> Table:
    """The first part against the last, model by model."""
    of = {one.slot: one for one in found.models}
    joules = {one.slot: one for one in found.energy.models}
    legend = (
        f"First, last: the median of the first {duration(found.first_part_s)} and of the last "
        f"{duration(found.last_part_s)}, in which the models take turns. Change: how much longer "
        f"it takes there, with its 95 % interval; steady is no more than "
        f"{threshold(comparison.threshold)}."
    )
    if joules:
        legend += (
            f" mJ: millijoules an inference, power times latency, {ENERGY[_source(found)]}; more: "
            "than the baseline's."
        )
    shown = [place for place, name in enumerate(COLUMNS) if joules or not name.startswith("mJ")]
    return Table(
        title=f"{duration(found.to_s - found.from_s)} of load",
        columns=tuple(COLUMNS[place] for place in shown),
        sections=tuple(
            (
                group.kind,
                tuple(
                    tuple(_cells(row.model, of[row.slot], joules.get(row.slot))[p] for p in shown)
                    for row in group.rows
                    if row.slot in of
                ),
            )
            for group in _here(comparison, found)
        ),
        legend=legend,
    )


def _source(found: Sustained) -> EnergySource:
    assert found.energy.source is not None
    return found.energy.source


def _here(comparison: Comparison, found: Sustained) -> list[GroupComparison]:
    slots = {one.slot for one in found.models}
    return [one for one in comparison.groups if any(row.slot in slots for row in one.rows)]


def _cells(model: str, one: SustainedModel, joules: ModelEnergy | None) -> tuple[str, ...]:
    return (
        model,
        milliseconds(one.first_s),
        milliseconds(one.last_s),
        signed_in(one.change.value, one.change) if one.change else MISSING,
        _millijoules(joules.joules) if joules else MISSING,
        signed_in(joules.overhead.value, joules.overhead) if joules and joules.overhead else "",
        one.outcome,
    )


def _millijoules(value: Estimate) -> str:
    """With the interval: 84.2 [83.9, 84.6]."""
    return f"{milliseconds(value.value)} [{milliseconds(value.low)}, {milliseconds(value.high)}]"


def notes(found: Sustained) -> list[str]:
    """What to know of the load as a whole."""
    said = [
        f"the load paused for {duration(one.seconds)} after {duration(one.at_s)}, and the device "
        "cooled down meanwhile; the longest part without a pause is what is compared"
        for one in found.pauses
    ]
    whole = [one for one in found.models if one.reason]
    if len(whole) < len(found.models):  # Otherwise the answer has it.
        said += [sentence(one.reason) for one in whole if one.reason]
    return said
