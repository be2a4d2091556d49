"""The drift chain as one self-contained HTML page: no scripts, no requests, light and dark."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from edgebench.benchmarks.formatting import MISSING, share_in, whole
from edgebench.benchmarks.report import drift_plots as plots
from edgebench.benchmarks.report import drift_words as words
from edgebench.benchmarks.report import templates
from edgebench.converters.drift.document import DriftHop, DriftReport, LayerDrift, TargetDrift

LAYERS = 10


@dataclass(frozen=True)
class ChangedImage:
    """An image that is answered otherwise, with its picture as a data URL where there is one."""

    number: int
    picture: str
    before: str
    after: str


@dataclass(frozen=True)
class LayerRow:
    layer: str
    place: str
    share: str
    own: str
    total: str
    scale: str
    zero_point: str
    clipped: str
    unused: str
    cause: str
    histogram: Markup | None


@dataclass(frozen=True)
class TargetPart:
    """One target, in words, tables and a drawing."""

    name: str
    chain: tuple[tuple[str, ...], ...]
    sentences: tuple[str, ...]
    along: Markup | None
    shaded: bool
    layers: tuple[LayerRow, ...]
    images: int
    flips: tuple[ChangedImage, ...]


def render(report: DriftReport, pictures: Mapping[int, bytes]) -> str:
    """The whole page. `pictures` are PNG files of images, by number."""
    return templates.page(
        "drift.html.j2",
        report=report,
        images=max((hop.images for hop in report.hops), default=0),
        columns=_columns(report),
        parts=[_part(report, target, pictures) for target in report.targets],
        legend=[("the layer by itself", plots.LOCAL), ("all errors so far", plots.TOTAL)],
    )


def _columns(report: DriftReport) -> tuple[str, ...]:
    found = (
        words.headline(hop.source)
        for target in report.targets
        for hop in words.hops(report, target)
    )
    figure = next((one.id for one in found if one), None)
    agreement = (f"{report.unit} alike, %",) if report.unit else ()
    figures = (f"{figure}, %", "difference, points") if figure else ()
    return (
        "hop",
        "dB to source",
        "dB to hop before",
        "largest error",
        "cosine",
        "KL, nats",
        *agreement,
        *figures,
    )


def _cells(report: DriftReport, hop: DriftHop, width: int) -> tuple[str, ...]:
    source = hop.source
    worst = source.worst if source else None
    cells = [
        hop.name,
        words.worst_db(source),
        words.worst_db(hop.before),
        f"{worst.max_abs_error:.2g}" if worst else MISSING,
        MISSING if worst is None or worst.cosine is None else f"{worst.cosine:.6f}",
        MISSING if source is None or source.divergence is None else f"{source.divergence:.2g}",
    ]
    if report.unit:
        cells.append(words.agreement(source))
    found = words.headline(source)
    if len(cells) < width:
        cells += [share_in(found.value) if found else MISSING, words.change(source)]
    return tuple(cells)


def _part(report: DriftReport, target: TargetDrift, pictures: Mapping[int, bytes]) -> TargetPart:
    width = len(_columns(report))
    return TargetPart(
        name=target.target,
        chain=tuple(_cells(report, hop, width) for hop in words.hops(report, target)),
        sentences=tuple(words.sentences(report, target)),
        along=plots.along(target),
        shaded=any(one.attention for one in target.layers),
        layers=tuple(_row(one) for one in target.layers[:LAYERS]),
        images=target.layer_images,
        flips=_flips(target, pictures),
    )


def _row(one: LayerDrift) -> LayerRow:
    numbers = one.numbers
    return LayerRow(
        layer=words.layer(one),
        place=words.place(one),
        share=whole(one.share),
        own=words.decibels(one.own_db),
        total=words.decibels(one.total_db),
        scale=MISSING if numbers is None or numbers.scale is None else f"{numbers.scale:.3g}",
        zero_point=(
            MISSING if numbers is None or numbers.zero_point is None else str(numbers.zero_point)
        ),
        clipped=MISSING if numbers is None else f"{100 * numbers.clipped:.2g} %",
        unused=MISSING if numbers is None or numbers.unused is None else whole(numbers.unused),
        cause=words.cause(one.cause) if one.cause else "",
        histogram=plots.histogram(numbers) if numbers else None,
    )


def _flips(target: TargetDrift, pictures: Mapping[int, bytes]) -> tuple[ChangedImage, ...]:
    last = next((hop for hop in reversed(target.hops) if hop.source is not None), None)
    if last is None or last.source is None:
        return ()
    return tuple(
        ChangedImage(one.image, _url(pictures.get(one.image)), one.reference, one.found)
        for one in last.source.flips
    )


def _url(png: bytes | None) -> str:
    return "" if png is None else f"data:image/png;base64,{base64.b64encode(png).decode()}"
