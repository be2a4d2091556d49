"""The gains and their intervals, drawn."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from edgebench.benchmarks.report import svg as pieces
from edgebench.models.trial.gains import Gain

WIDTH, ROW, TOP, LEFT, RIGHT = 640, 30, 20, 90, 20

# The picture stands by itself, so it brings the few colours that it needs; both themes show them.
_STYLE = Markup(
    "<style>text{font:13px sans-serif;fill:#777}.grid{stroke:#8884}.zero{stroke:#777}"
    ".bar{stroke:#2a78b8;stroke-width:3}.dot{fill:#2a78b8}</style>"
)


def svg(known: Sequence[Gain]) -> str:
    """Each kind's gain over none in points of top-1, with its 95 % interval."""
    drawn = [one for one in known if one.low is not None and one.high is not None]
    ends = [100 * value for one in drawn for value in (one.low or 0.0, one.high or 0.0)]
    low, high = pieces.padded([*ends, 0.0])
    scale = pieces.Scale(low, high, LEFT, WIDTH - RIGHT)
    bottom = TOP + ROW * len(drawn)
    parts = [_STYLE]
    for tick in scale.ticks():
        x = scale(tick)
        parts.append(pieces.line(x, TOP - 8, x, bottom, "zero" if tick == 0 else "grid"))
        parts.append(pieces.text(x, bottom + 18, f"{tick:+g}" if tick else "0", anchor="middle"))
    for index, one in enumerate(drawn):
        y = TOP + ROW * index + ROW / 2
        low_x, high_x = (scale(100 * (end or 0.0)) for end in (one.low, one.high))
        parts.append(pieces.text(LEFT - 12, y + 4, one.kind, anchor="end"))
        parts.append(pieces.line(low_x, y, high_x, y, "bar"))
        title = f"{one.kind}: {100 * one.gain:+.2f} points, {one.seeds} seeds"
        parts.append(pieces.dot(scale(100 * one.gain), y, 5, "dot", title))
    middle = (LEFT + WIDTH - RIGHT) / 2
    label = "points of top-1 over no attention, paired by seed, with 95 % intervals"
    parts.append(pieces.text(middle, bottom + 40, label, anchor="middle"))
    drawing = str(pieces.figure(WIDTH, bottom + 52, label, parts))
    return drawing.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"
