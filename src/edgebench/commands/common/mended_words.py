"""What a search for a mixed precision came to, in a sentence and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebench import console

if TYPE_CHECKING:
    from rich.table import Table

    from edgebench.converters.mending.document import Loss, MendingTrial
    from edgebench.converters.mending.search import Mended
    from edgebench.estimate import Estimate

MOSTLY = 0.5
"""With more of a model's time in float32, a mixed precision is hardly one of integers."""


def sentence(one: Mended) -> str:
    """What was found, with the change of the figure on the images that confirm it."""
    plain = f"{one.asked} loses {_loss(one.plain.loss)}"
    if one.found == one.plain:
        text = plain + (", which is within the budget" if one.within else "; no mix is better")
    else:
        kept = f"{one.found.described} ({one.target.precision})"
        text = f"{plain}, with {kept} {_loss(one.found.loss, named=False)}"
        if not one.within:
            text += ", which is still above the budget"
    text += _confirmed(one)
    share = dict(one.tried)[one.found]
    if share > MOSTLY:
        text += (
            f"; layers that take {share:.0%} of the model's time stay in float32, so that little "
            f"is gained over {one.asked.format}:fp32: time both before you choose"
        )
    return text


def front(one: Mended) -> Table:
    """The trials of which each loses less than those with less time in float32."""
    table = console.table(f"{one.asked} with", ">loss, points", ">dB", ">float32, % of time")
    for trial, share in one.front:
        snr = "exact" if trial.loss.snr_db is None else f"{trial.loss.snr_db:.1f}"
        mark = " <-" if trial == one.found else ""
        table.add_row(_short(trial) + mark, _lost(trial.loss), snr, f"{100 * share:.0f}")
    return table


def _short(trial: MendingTrial) -> str:
    """rounded, corrected, 9 layers"""
    words: list[str] = list(trial.adjustments)
    if trial.layers:
        words.append(f"{trial.layers} layer{'' if trial.layers == 1 else 's'}")
    return ", ".join(words) or "nothing changed"


def _lost(loss: Loss) -> str:
    return f"{100 * loss.value:.1f}" if loss.expected is None else _in_points(loss.expected)


def _in_points(loss: Estimate) -> str:
    value, low, high = (100 * end for end in (loss.value, loss.low, loss.high))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def _loss(loss: Loss, named: bool = True) -> str:
    """What was lost on the images, and what is expected of many more: 0.5 points in top1 (0.2
    [0.1, 0.3] expected, 29.5 dB)."""
    said = f"{100 * loss.value:.1f}" + f" points in {loss.figure}" * named
    beside = [] if loss.expected is None else [f"{_in_points(loss.expected)} expected"]
    if loss.snr_db is not None:
        beside.append(f"{loss.snr_db:.1f} dB")
    return said + (f" ({', '.join(beside)})" if beside else "")


def _confirmed_db(loss: Loss, wanted_db: float) -> str:
    if loss.snr_db is None:
        return ""
    text = f"; on {loss.images} other images it has {loss.snr_db:.1f} dB"
    if loss.snr_db >= wanted_db:
        return text
    return f"{text} ± {loss.snr_error_db:.1f}: give more images, or a budget with room to spare"


def _confirmed(one: Mended) -> str:
    """The same on images that decided nothing, and whether they are enough to tell."""
    from edgebench.benchmarks.formatting import points  # It imports NumPy.

    if one.budget.snr_db is not None:
        return _confirmed_db(one.confirmed, one.budget.snr_db)
    if one.confirmed.figure == "agreement":
        return ""
    text = (
        f"; on {one.confirmed.images} other images the change is {points(one.confirmed.interval)}"
    )
    needed = one.budget.images_needed(one.confirmed)
    if needed is None:
        return text
    return f"{text}: too few to tell {one.budget}, for which it takes about {needed:,}"
