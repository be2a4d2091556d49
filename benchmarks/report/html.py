"""The comparison as one self-contained HTML page: no scripts, no requests, light and dark."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from markupsafe import Markup

from edgebench.benchmarks.formatting import points, signed, whole
from edgebench.benchmarks.report import (
    explained,
    explained_plots,
    pictures,
    plots,
    sustained,
    sustained_plots,
    tables,
    templates,
)
from edgebench.benchmarks.report.context import facts
from edgebench.benchmarks.report.headline import compared, headline, trusted, warnings
from edgebench.benchmarks.report.verdicts import verdict
from edgebench.benchmarks.results.comparison import (
    Comparison,
    Drift,
    HostComparison,
    ModelRow,
    worst,
)
from edgebench.benchmarks.results.explanation import Explained, Explanation
from edgebench.benchmarks.results.pictures import Gallery
from edgebench.converters.artifact import Hop
from edgebench.deploy.documents.result import RunResult
from edgebench.intervals import Estimate

GLOSSARY = (
    (
        "overhead",
        "How much longer an inference takes than the baseline's, from pairs of inferences.",
    ),
    (
        "baseline",
        "The model that the others are compared with, in the same format and precision. In the zoo "
        "it is the same network without attention.",
    ),
    (
        "block",
        "About a second in which the models take turns of a few inferences, in a random order in "
        "which each follows each equally often, so that what disturbs the machine hits all alike.",
    ),
    (
        "95 % interval",
        "The range of values that agree with the measurement; the intervals of about 95 in 100 "
        "such runs contain the true value.",
    ),
    (
        "supported, refuted",
        "The overhead is below, or above, the threshold with 95 % confidence. Otherwise the "
        "verdict is undecided, and a longer run may decide it.",
    ),
    ("no verdict", "A check of the run failed, so its figures are shown but cannot be trusted."),
    (
        "detectable",
        "The smallest overhead that nine of ten runs with this noise and length detect.",
    ),
    (
        "MAdds",
        "Multiply-adds of convolutions and linear layers: counted from the architecture, as the "
        "papers do. They are not a time.",
    ),
    (
        "gain, drop",
        "Accuracy on the device, compared with the baseline's there and with the trained model's.",
    ),
    (
        "drift",
        "How far the outputs differ from the trained model's, at each step of the conversion.",
    ),
    (
        "SNR",
        "Signal-to-noise ratio of the outputs, in decibels: above 40 differences do not matter, "
        "below 15 answers change.",
    ),
    (
        "partitions",
        "The pieces in which a delegate runs a model. Each additional piece costs time for copies.",
    ),
)


@dataclass(frozen=True)
class Tile:
    """One figure under the headline."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class Link:
    """One step of the drift chain, in words."""

    step: str
    agreement: str
    snr: str
    weak: bool


@dataclass(frozen=True)
class Chain:
    name: str
    links: tuple[Link, ...]


@dataclass(frozen=True)
class ExplainedModel:
    """One model's overhead explained, in words, tables and a drawing."""

    name: str
    sentences: list[str]
    tables: tuple[explained.ExplainedTable, ...]
    roofline: Markup | None
    legend: list[tuple[str, str]]
    source: str


def render(
    comparison: Comparison,
    result: RunResult,
    explanation: Explanation | None = None,
    force: bool = False,
    galleries: Iterable[Gallery] = (),
) -> str:
    """The whole page. `result` gives the raw samples, and `galleries` the images that changed; see
    `verdict` for `force`."""
    loaded = comparison.sustained
    return templates.page(
        "report.html.j2",
        comparison=comparison,
        headline=headline(comparison),
        verdict=lambda row: verdict(row, comparison.threshold, force),
        tiles=_tiles(comparison),
        outcome_class=plots.outcome_class,
        overhead=plots.overhead(comparison),
        accuracy=plots.accuracy(comparison),
        charted=plots.charted(comparison),
        traces=[] if loaded else plots.samples(comparison, result),
        load_table=sustained.table(comparison, loaded) if loaded else None,
        load_plots=sustained_plots.load(comparison, loaded) if loaded else [],
        load_class=lambda outcome: plots.outcome_class(sustained.TONES[outcome]),
        sheets=tables.sheets(comparison, in_full=True),
        chains=_chains(comparison),
        walls=pictures.walls(galleries),
        stage_bars=explained_plots.stages(explanation) if explanation else None,
        explained=[_explained(one) for one in explanation.models] if explanation else [],
        warnings=warnings(comparison),
        facts=facts(comparison),
        glossary=GLOSSARY,
    )


def _explained(model: Explained) -> ExplainedModel:
    return ExplainedModel(
        name=explained.name(model),
        sentences=explained.sentences(model),
        tables=explained.tables(model),
        roofline=explained_plots.roofline(model),
        legend=explained_plots.legend(model),
        source=model.profile.source if model.profile else "",
    )


def _tiles(comparison: Comparison) -> list[Tile]:
    rows = compared(comparison)
    overheads = [row for row in trusted(rows) if row.overhead is not None]
    gains = [
        (row, row.accuracy.headline.gain)
        for row in rows
        if row.accuracy is not None and row.accuracy.headline.gain is not None
    ]
    drops = [
        (row, row.accuracy.headline.drop)
        for group in comparison.groups
        for row in group.rows
        if row.accuracy is not None
    ]
    tiles = []
    if overheads:
        worst = max(overheads, key=lambda row: row.overhead.value if row.overhead else 0.0)
        assert worst.overhead is not None
        tiles.append(
            Tile(
                "largest overhead in time", signed(worst.overhead.value), _where(comparison, worst)
            )
        )
        if worst.madds_overhead is not None:
            tiles.append(
                Tile(
                    "multiply-adds of that model",
                    signed(worst.madds_overhead),
                    "counted, not measured",
                )
            )
    if gains:
        best, gain = max(gains, key=lambda one: one[1].value)
        tiles.append(_points_tile("largest gain in accuracy", gain, comparison, best))
    if drops:
        lost, drop = min(drops, key=lambda one: one[1].value)
        tiles.append(_points_tile("largest drop by conversion", drop, comparison, lost))
    return tiles


def _points_tile(name: str, found: Estimate, comparison: Comparison, row: ModelRow) -> Tile:
    value, _, interval = points(found).partition(" ")
    return Tile(name, value, f"points {interval}, {_where(comparison, row)}")


def _where(comparison: Comparison, row: ModelRow) -> str:
    group = next(group for group in comparison.groups if row in group.rows)
    return f"{row.model}, {group.precision}{group.where}"


def _chains(comparison: Comparison) -> list[Chain]:
    return [
        Chain(f"{row.model}, {group.kind}", _links(row))
        for group in comparison.groups
        for row in group.rows
        if row.drift is not None and not row.against_itself
    ]


def _links(row: ModelRow) -> tuple[Link, ...]:
    assert row.drift is not None
    links = [_of_hop(hop) for hop in row.drift.hops]
    last = _compared("overall, on the device", row.drift)
    if row.on_host is None:
        return (*links, last)
    name = f"compared with {row.on_host.machine}'s kernels"
    return (*links, last, _compared(name, row.on_host))


def _of_hop(hop: Hop) -> Link:
    link = _link(hop.step, None if hop.agreement is None else hop.agreement.value, hop.snr_db)
    return link if hop.equal or hop.snr_db is not None else replace(link, snr="")


def _compared(step: str, compared: Drift | HostComparison) -> Link:
    agreement, lowest = compared.agreement, worst(compared.outputs)
    link = _link(step, agreement.value if agreement else None, lowest.snr_db if lowest else None)
    return link if lowest else replace(link, snr="")


def _link(step: str, agreement: float | None, snr_db: float | None) -> Link:
    return Link(
        step=step,
        agreement="" if agreement is None else f"{whole(agreement)} agree",
        snr="exact" if snr_db is None else f"{snr_db:.0f} dB",
        weak=agreement is not None and agreement < 0.99,
    )
