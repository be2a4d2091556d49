"""The experiment's table, on the terminal and as a page of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from edgebench import console
from edgebench.commands.attention import picture
from edgebench.models.trial.gains import LEVEL, TOP1, Gain, gains, top1
from edgebench.models.trial.recipe import KINDS, RECIPES, TrialRecipe
from edgebench.models.trial.records import TrialRecord
from edgebench.models.trial.series import TrialSeries, of_recipe

WANTED_SEEDS = 8
"""From which on a table is finished."""


def show(found: Sequence[TrialRecord], series: TrialSeries) -> None:
    """Print the table to stdout, and what is missing."""
    by_kind = top1(found)
    table = console.table(
        "attention", ">seeds", ">top-1 %", ">over none", ">95 % interval", ">p (Holm)", ""
    )
    for cells in _rows(by_kind):
        table.add_row(*cells)
    console.show(table)
    missing = len(series.kinds) * series.seeds - sum(
        1 for one in found if one.kind in series.kinds and one.seed < series.seeds
    )
    print(f"{series.recipe.name}: {len(found)} trainings, {missing} left; in points of top-1")
    print(_smallest(gains(by_kind)))


def markdown(every: Sequence[TrialRecord], stem: str) -> str:
    """The page of the documentation, with a section for each recipe that has records."""
    sections = []
    for recipe in RECIPES.values():
        found = of_recipe(every, recipe)
        if found:
            sections.append(_section(recipe, found, stem))
    return _INTRODUCTION + "\n".join(sections) + _AGAIN


def pictures(every: Sequence[TrialRecord], stem: str) -> dict[str, str]:
    """By the name of its file, the picture of each recipe of which there is something to draw."""
    drawn = {}
    for recipe in RECIPES.values():
        known = gains(top1(of_recipe(every, recipe)))
        if any(one.low is not None for one in known):
            drawn[_picture_name(recipe, stem)] = picture.svg(known)
    return drawn


def _picture_name(recipe: TrialRecipe, stem: str) -> str:
    return f"{stem}-{recipe.name.replace('_', '-')}.svg"


def _section(recipe: TrialRecipe, found: Sequence[TrialRecord], stem: str) -> str:
    by_kind = top1(found)
    known = gains(by_kind)
    seeds = min(len(by_kind.get(kind, {})) for kind in KINDS)
    done = sum(min(len(of_kind), WANTED_SEEDS) for of_kind in by_kind.values())
    state = (
        f"**{seeds} seeds of every kind**."
        if seeds >= WANTED_SEEDS
        else f"**So far {done} of {WANTED_SEEDS * len(KINDS)} trainings.** More may change what "
        f"stands here."
    )
    lines = [
        f"## {recipe.name}: {recipe.backbone}, {recipe.size} pixels",
        "",
        f"{state}",
        "",
        *([_answer(known), ""] if any(one.adjusted is not None for one in known) else ()),
        f"Each training sees {recipe.images:,} scenes once, in batches of {recipe.batch}, and is "
        f"tested on",
        f"{recipe.test_images:,} scenes of digits that none has seen.",
        _cost(found),
        _spread(by_kind),
        "",
        "| attention | seeds | top-1 % | over none | 95 % interval | p (Holm) | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *("| " + " | ".join(cells) + " |" for cells in _rows(by_kind)),
        "",
        _smallest(known),
        "",
    ]
    if any(one.low is not None for one in known):
        lines += [f"![Gain of each attention over none]({_picture_name(recipe, stem)})", ""]
    return "\n".join(lines)


def _rows(by_kind: TOP1) -> list[tuple[str, ...]]:
    known = {one.kind: one for one in gains(by_kind)}
    rows: list[tuple[str, ...]] = []
    for kind, of_kind in by_kind.items():
        mean = f"{100 * fmean(of_kind.values()):.2f}"
        rows.append((kind, str(len(of_kind)), mean, *_compared(known.get(kind))))
    return rows


def _compared(gain: Gain | None) -> tuple[str, str, str, str]:
    if gain is None:
        return "", "", "", ""
    difference = f"{100 * gain.gain:+.2f}"
    if gain.low is None or gain.high is None or gain.adjusted is None:
        return difference, "", "", gain.verdict
    interval = f"{100 * gain.low:+.2f} to {100 * gain.high:+.2f}"
    return difference, interval, f"{gain.adjusted:.3f}", gain.verdict


def _answer(known: Sequence[Gain]) -> str:
    """What the table says of each kind, in a sentence."""
    by_verdict: dict[str, list[str]] = {}
    for one in known:
        by_verdict.setdefault(one.verdict, []).append(one.kind)
    words = (
        ("better", "Better than no attention"),
        ("worse", "Worse than no attention"),
        ("within a point", "Within a point of no attention"),
        ("undecided", "Undecided"),
        ("too few seeds", "Too few seeds"),
    )
    parts = [f"{word}: {', '.join(by_verdict[one])}." for one, word in words if one in by_verdict]
    return " ".join(parts)


def _spread(by_kind: TOP1) -> str:
    """How far trainings with other seeds lie apart."""
    spreads = {kind: stdev(seeds.values()) for kind, seeds in by_kind.items() if len(seeds) > 1}
    if not spreads:
        return ""
    low, high = (100 * limit(spreads.values()) for limit in (min, max))
    none = f", {100 * spreads['none']:.2f} without attention" if "none" in spreads else ""
    return f"The standard deviation over seeds is {low:.2f} to {high:.2f} points of top-1{none}."


def _cost(found: Sequence[TrialRecord]) -> str:
    """What all of it takes on each device, and which seeds each has trained."""
    devices = sorted({one.device for one in found}, reverse=True)
    every = " or ".join(_cost_on([one for one in found if one.device == on]) for on in devices)
    cost = f"{WANTED_SEEDS} seeds of {len(KINDS)} kinds take about {every}."
    if len(devices) == 1:
        return cost
    of = {on: sorted({one.seed for one in found if one.device == on}) for on in devices}
    parts = [f"{min(seeds)} to {max(seeds)} on {_NAMES[on]}" for on, seeds in of.items()]
    return (
        f"{cost}\nSeeds {' and '.join(parts)}: each device makes its own scenes,\n"
        "so pairs are of one device."
    )


_NAMES = {"cuda": "a GPU", "cpu": "a processor"}


def _cost_on(found: Sequence[TrialRecord]) -> str:
    kinds = {one.kind for one in found}
    each = {kind: fmean(one.took_s for one in found if one.kind == kind) for kind in kinds}
    seconds = WANTED_SEEDS * sum(each.get(kind, fmean(each.values())) for kind in KINDS)
    gpus = sorted({one.tools["gpu"] for one in found if "gpu" in one.tools})
    if gpus:
        return f"{seconds / 60:.0f} minutes of {' or '.join(gpus)}"
    return f"{seconds / 3600:.1f} hours of one core"


def _smallest(known: Sequence[Gain]) -> str:
    found = [one.detectable for one in known if one.detectable is not None]
    if not found:
        return "Intervals need two seeds."
    low, high = 100 * min(found), 100 * max(found)
    return (
        f"With 80 % power these seeds find differences from {low:.1f} points\n(the steadiest kind) "
        f"to {high:.1f} (the least steady)."
    )


_INTRODUCTION = f"""\
# Which attention is more accurate

Made by `make experiment-attention` from the records in `models/trial/records.jsonl`, one for each
training that ended. It says what was found on this task and this scale, not on ImageNet.

**Task.** Scenes of three digits on clutter; the label is the value of the topmost digit, so that a
network has to keep where a digit is. The digits are scikit-learn's real ones. The first scenes
of a training have one digit (15 % of the steps), then two (up to 30 %): without that, a network
begins to learn at a moment of chance, and the spread over seeds is mostly that moment.

**Pairs.** Trainings with the same seed begin with the same weights, but for those of the attention,
and see the same images in the same order. Differences are taken seed by seed.

**Recipe.** AdamW with a warm-up and a cosine schedule, the same for every kind and tuned on none
of them but the network without attention. What is tested is a moving average of the weights. Each
kind stands where its papers have it in that backbone. `sca` is our documented interpretation of
Liu et al. 2022.

**Reading the table.** Intervals are Student's over seeds, each for its kind alone. p is that of the
paired t test, adjusted by Holm for all the comparisons of its table; a kind is called better or
worse where it is below {LEVEL}, and "within a point" where it is not and the whole interval is.

**Recipes.** Those that end in `_gpu` show ten times as many scenes, which the device makes that
trains: many networks at once on a GPU, in minutes, or seed by seed on a processor, in hours. There
nearly all that can be learnt is learnt: what is left over is mostly digits that look unlike those
of the training set, and no kind of attention helps with that. The others stop earlier, for a
processor. Their networks still differ in how soon they learn.

"""

_AGAIN = """
## Go on, or do a row again

    make experiment-attention                              # what is missing
    make experiment-attention TRIAL="--recipe mobilenet_v2"
    make experiment-attention TRIAL="--recipe resnet18_gpu"           # on a GPU
    make experiment-attention TRIAL="--recipe resnet18_gpu --jobs 2"  # on two cores
    python -m edgebench.commands.attention --kinds ca --seeds 1 --records again.jsonl

It may be stopped at any moment; the same command goes on. The last line trains two rows again,
into a file of its own: on the same machine with the same versions `answers_sha256` is the same
(of a processor's recipes; of a GPU's it is not promised).
"""
