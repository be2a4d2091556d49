"""What the shipped checkpoints say together: models/checkpoints/README.md, made from manifests.

`python -m edgebench.models.summary` writes it again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import mean

from scipy import stats

from edgebench import documents
from edgebench.models import registry
from edgebench.models.manifest import SHIPPED, Accuracy, Checkpoint

_INTRODUCTION = """\
# Trained checkpoints

`NAME.safetensors` holds the weights of one training. `NAME.json` holds its history: the command,
the seed, how the data were made, the log of every epoch or part, and the accuracy. Of seeds other
than 0 there is only the history, with the SHA-256 of the weights. This page is generated from those
files by `python -m edgebench.models.summary`.

**Task.** Each image shows three handwritten digits at random positions on clutter, and the label is
the value of the topmost digit. A network has to keep the *position* of a feature, which coordinate
attention claims to help with.

**Training.** All trainings use one recipe, `scenes_v2_gpu` of
[the experiment on attention](../../docs/attention.md). Trainings with the same seed see the same
images in the same order. The learning rate is the highest of three (0.003, 0.006, 0.012), chosen by
the loss of short trainings of the network without attention.

**Accuracy** is top-1 on the same {count} images, of digits that no training has seen.
"""

# What the manifests do not record, by attention.
_REMARKS = {
    "sca": "Its gates start at 0.88,\n"
    "for in an earlier recipe gates that started at 1/2 did not get above chance (11.1 %).",
}


@dataclass(frozen=True)
class Difference:
    """Mean gain in accuracy of one model over another, paired by seed, with its 95 % t interval."""

    model: str
    over: str
    seeds: int
    gain: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        if self.low > 0:
            return "better"
        if self.high < 0:
            return "worse"
        return "undecided: the interval contains zero"


def difference(model: str, over: str, gains: list[float]) -> Difference:
    """Summarise gains, one a seed. Raises `ValueError` for fewer than two."""
    if len(gains) < 2:
        raise ValueError("an interval over seeds needs at least two")
    centre = mean(gains)
    half = float(stats.sem(gains) * stats.t.ppf(0.975, len(gains) - 1))
    return Difference(model, over, len(gains), centre, centre - half, centre + half)


def shipped(folder: Path = SHIPPED) -> dict[str, Checkpoint]:
    """The manifests in a folder, by the stem of their files, in the registry's order."""
    order = list(registry.MODELS)
    found = {path.stem: documents.load(path, Checkpoint) for path in folder.glob("*.json")}
    return dict(sorted(found.items(), key=lambda i: (order.index(i[1].model), i[1].seed)))


def by_seed(records: dict[str, Checkpoint]) -> dict[str, dict[int, float]]:
    """Top-1 of every model that was trained with at least two seeds, in the registry's order."""
    top1: dict[str, dict[int, float]] = defaultdict(dict)
    for record in records.values():
        if record.accuracy is not None:
            top1[record.model][record.seed] = record.accuracy.top1
    return {model: seeds for model, seeds in top1.items() if len(seeds) >= 2}


def differences(top1: dict[str, dict[int, float]]) -> list[Difference]:
    """Every two models that share at least two seeds, the later one against the earlier."""
    found = []
    for over, model in combinations(top1, 2):
        gains = [top1[model][s] - top1[over][s] for s in top1[model] if s in top1[over]]
        if len(gains) >= 2:
            found.append(difference(model, over, gains))
    return found


def markdown(records: dict[str, Checkpoint]) -> str:
    """The page. Intervals are 95 %: Wilson's over scenes, Student's over seeds."""
    top1 = by_seed(records)
    lines = [
        "| checkpoint | attention | seed | top-1 | 95 % interval |",
        "| --- | --- | --- | --- | --- |",
        *(_row(stem, record) for stem, record in records.items()),
        "",
        "## Does attention improve accuracy?",
        "",
        "On ImageNet, the coordinate attention paper ranks it above SE, and SE above none.",
        "Here all networks learn nearly all there is to learn.",
        f"The mean top-1 over seeds is {_ranking(top1)}.",
        "Paired by seed, in points of top-1:",
        "",
        "| model | over | seeds | mean gain | 95 % interval | |",
        "| --- | --- | --- | --- | --- | --- |",
        *(gain_row(d) for d in differences(top1)),
        "",
        "Models with one seed are not ranked: compare their distance from the baseline with the",
        "distance between two seeds of one model.",
        "[Which attention is more accurate](../../docs/attention.md) compares more kinds over more",
        "seeds.",
        "",
        *_notes(records),
        "## Train them again",
        "",
        "On a CUDA device, about 4 minutes of an H200. A GPU does not promise the same weights",
        "again to the bit; the other seeds show how much that may matter.",
        "",
        "```sh",
        *{record.model: record.command for record in records.values()}.values(),
        "```",
    ]
    counts = {r.accuracy.count for r in records.values() if r.accuracy}
    introduction = _INTRODUCTION.format(count=" or ".join(f"{c:,}" for c in sorted(counts)))
    return introduction + "\n" + "\n".join(lines) + "\n"


def _row(stem: str, record: Checkpoint) -> str:
    spec = registry.get(record.model)
    where = "" if spec.placement == "expanded" else f", {spec.placement}"
    accuracy = "not tested" if record.accuracy is None else f"{100 * record.accuracy.top1:.2f} %"
    interval = "" if record.accuracy is None else _interval(record.accuracy)
    return f"| `{stem}` | {spec.attention}{where} | {record.seed} | {accuracy} | {interval} |"


def _interval(accuracy: Accuracy) -> str:
    return f"{100 * accuracy.low:.2f} to {100 * accuracy.high:.2f}"


def gain_row(found: Difference) -> str:
    """A row of a table of gains, in points."""
    interval = f"{100 * found.low:+.2f} to {100 * found.high:+.2f}"
    names = f"`{found.model}` | `{found.over}` | {found.seeds}"
    return f"| {names} | {100 * found.gain:+.2f} | {interval} | {found.verdict} |"


def _ranking(top1: dict[str, dict[int, float]]) -> str:
    means = {registry.get(model).attention: mean(seeds.values()) for model, seeds in top1.items()}
    ordered = sorted(means.items(), key=lambda item: -item[1])
    return ", ".join(f"{attention} {100 * value:.2f} %" for attention, value in ordered)


def _notes(records: dict[str, Checkpoint]) -> list[str]:
    specs = {r.model: registry.get(r.model) for r in records.values()}
    notes = [
        " ".join((f"`{name}`: {spec.note}.", _REMARKS.get(spec.attention, ""))).strip()
        for name, spec in specs.items()
        if spec.note
    ]
    return [*notes, ""] if notes else []


if __name__ == "__main__":
    with documents.replacing(SHIPPED / "README.md") as page:
        page.write_text(markdown(shipped()))
