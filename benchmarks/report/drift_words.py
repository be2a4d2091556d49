"""What a drift report says: the causes in sentences, hops and layers as cells of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from edgebench.benchmarks.formatting import MISSING, count, points, share_in, whole
from edgebench.converters.drift.document import (
    Cause,
    CauseId,
    DriftHop,
    DriftReport,
    FigureDifference,
    HopDifference,
    LayerDrift,
    TargetDrift,
)

Values = Mapping[str, float | str]


LOST_DB = 10.0
"""A whole output that is above has parts that are far better than those that are lost."""


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"


def _clipped(v: Values) -> str:
    share = float(v["share"])
    return (
        f"{100 * share:.2g} % of its values lie beyond the range of the file's numbers, "
        f"{_number(v['low'])} to {_number(v['high'])} (the largest is {_number(v['largest'])}): "
        "the calibration data has no such values, or its choice of the range leaves them out"
    )


def _outliers(v: Values) -> str:
    if "channel" in v:
        who = (
            f"channel {float(v['channel']):.0f} reaches {_number(v['times'])} times as far as most"
        )
    else:
        who = f"a few values are {_number(v['times'])} times as large as 99 % of them"
    return f"outliers: {who}, and all share one scale, so that few steps are left for the others"


def _one_scale(v: Values) -> str:
    return (
        "its weights have one scale for all channels, and the largest channel's are "
        f"{_number(v['times'])} times as large as most: give each channel its own scale"
    )


CAUSES: dict[CauseId, Callable[[Values], str]] = {
    "overflow": lambda v: (
        f"overflow: its values reach {_number(v['largest'])}, and float16 ends at 65504: keep this "
        "layer in float32, or scale the values down"
    ),
    "clipped": _clipped,
    "fixed_scale": lambda v: (
        f"the numbers of {v['op']} lie {_number(v['step'])} apart whatever it makes, and its "
        f"values span {_number(v['steps'])} of these steps"
    ),
    "shared_scale": lambda v: (
        f"it shares the scale of {v['op']} with '{v['with']}', whose values are "
        f"{_number(v['times'])} times as large"
    ),
    "outliers": _outliers,
    "mean": lambda v: (
        f"a mean in int8: its values span {_number(v['steps'])} steps of {_number(v['step'])}"
    ),
    "too_coarse": lambda v: (
        f"rounding: the file's numbers lie {_number(v['step'])} apart, and its values span "
        f"{_number(v['steps'])} of these steps"
    ),
    "weights_one_scale": _one_scale,
    "weights_beyond_half": lambda v: (
        f"its weights reach {_number(v['largest'])}, and float16 holds 6e-05 to 65504 in full"
    ),
    "weights": lambda v: "its weights are rounded",
    "arithmetic": lambda v: "the arithmetic itself: it has no weights, and its numbers are fine",
}


def cause(one: Cause) -> str:
    """The likely cause of a layer's error, in a sentence without its end."""
    return CAUSES[one.id](one.values)


def decibels(value: float | None) -> str:
    return "exact" if value is None else f"{value:.0f}"


def layer(one: LayerDrift) -> str:
    """A layer by its node and kind, and the number of nodes that are one layer in the file."""
    more = f" + {len(one.nodes) - 1}" if len(one.nodes) > 1 else ""
    joined = one.cause.values["op"] if one.cause and one.cause.id == "shared_scale" else one.node
    into = f" in {joined}" if joined != one.node else ""
    return f"{one.node} ({one.op_type}{more}){into}"


def place(one: LayerDrift) -> str:
    """Where in the network a layer is, as far as that is known."""
    if one.block is None:
        return ""
    return f"block {one.block}" + (", attention" if one.attention else "")


def worst_db(difference: HopDifference | None) -> str:
    if difference is None or difference.worst is None:
        return MISSING
    return decibels(difference.worst.snr_db)


def agreement(difference: HopDifference | None) -> str:
    if difference is None or difference.agreement is None:
        return MISSING
    return share_in(difference.agreement)


def headline(difference: HopDifference | None) -> FigureDifference | None:
    """The task's first figure."""
    return next(iter(difference.figures), None) if difference else None


def change(difference: HopDifference | None) -> str:
    """The difference of the task's first figure, in points."""
    found = headline(difference)
    return points(found.difference) if found and found.difference else MISSING


def hops(report: DriftReport, target: TargetDrift) -> tuple[DriftHop, ...]:
    """The whole chain of a target, from the source on."""
    return (*report.hops, *target.hops)


def sentences(report: DriftReport, target: TargetDrift) -> Iterator[str]:
    """What is to be said of a target beside its figures."""
    if target.failure is not None:
        yield f"There is no file: {target.failure}."
        return
    for hop in target.hops:
        if hop.failure is not None:
            yield f"{hop.name} could not be compared: {hop.failure}."
    yield from _loss(target)
    yield from _part(target)
    last = next((hop for hop in reversed(target.hops) if hop.source is not None), None)
    found = headline(last.source) if last else None
    if last and found and found.difference and found.needed:
        yield (
            f"{count(last.images, 'image')} leave the difference in {found.id} between "
            f"{100 * found.difference.low:+.1f} and {100 * found.difference.high:+.1f} points; "
            f"about {found.needed:,} would tell it within 1 point." + _expected(last.source)
        )


def _expected(difference: HopDifference | None) -> str:
    """What errors like these are to cost, which is known better than what was counted."""
    if difference is None or (one := difference.expected) is None:
        return ""
    value, low, high = (100 * end for end in (one.value, one.low, one.high))
    return f" Errors like these are expected to cost {value:.1f} points [{low:.1f}, {high:.1f}]."


def _loss(target: TargetDrift) -> Iterator[str]:
    """Whether the file or the processor loses accuracy, and what was tried."""
    if target.remedy is not None:
        hop = target.remedy.hop
        yield (
            "The loss is this processor's, not the file's: its kernels saturate on 8-bit "
            f"weights. With 7-bit weights ({target.remedy.target}) they are at "
            f"{worst_db(hop.source)} dB."
        )
    if target.layers:
        top = target.layers[0]
        said = f": {cause(top.cause)}" if top.cause else ""
        yield f"{layer(top)} costs most, {whole(top.share)} of the error at the outputs{said}."
    attention = [one for one in target.blocks if one.attention]
    if attention:
        total = sum(one.share for one in target.blocks)
        share = sum(one.share for one in attention) / total if total else 0.0
        yield (
            f"The attention of {count(len(attention), 'block')} makes {whole(share)} of the "
            "error of all blocks."
        )


def _part(target: TargetDrift) -> Iterator[str]:
    """A part of an output that is lost while the whole looks well."""
    file = next((hop for hop in target.hops if hop.stage == "file" and hop.source), None)
    for one in file.source.outputs if file and file.source else ():
        part = one.part
        if part is not None and part.lost and one.snr_db is not None and one.snr_db > LOST_DB:
            lost = f"{part.lost} of the {part.count} parts of '{one.output}' along axis {part.axis}"
            yield (
                f"{lost} are lost (index {part.index} has {part.snr_db:.0f} dB) while the whole "
                f"has {one.snr_db:.0f} dB: they are small beside the others, whose scale they "
                "share."
            )


def flips(target: TargetDrift) -> tuple[str, ...]:
    """The images that are answered otherwise than by the source, at the last hop."""
    last = next((hop for hop in reversed(target.hops) if hop.source is not None), None)
    if last is None or last.source is None:
        return ()
    return tuple(
        f"image {one.image}: {one.reference} became {one.found}" for one in last.source.flips
    )
