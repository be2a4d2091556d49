"""What the trainings of detectors and segmenters say together: models/checkpoints/heads/README.md.

`python -m edgebench.models.heads_summary` writes it again.
"""

from __future__ import annotations

from statistics import mean

from edgebench import documents
from edgebench.models import registry, summary
from edgebench.models.manifest import SHIPPED, Checkpoint

FOLDER = SHIPPED / "heads"

_INTRODUCTION = """\
# Trained detectors and segmenters

On the built-in digit scenes of 96 pixels: a detector says where each of the three digits is and
which, a segmenter which pixels belong to which digit. `NAME.json` holds the command, the log of
every epoch, and the figures on 500 scenes of digits that no training saw. Of seed 0 the weights are
here, too. This page is generated from those files by `python -m edgebench.models.heads_summary`.

Trainings with the same seed see the same scenes in the same order. Detectors begin with random
weights. Segmenters begin with those of the trained classifier with the same attention, so that
their seeds differ in the head and in the scenes.
"""

_TITLES = {"ssdlite": "Detectors", "lraspp": "Segmenters"}

# What a reader would not see in the table, by head.
_REMARKS = {
    "ssdlite": "These are short trainings: 25,600 scenes, after which the loss still falls. The\n"
    "learning rate was chosen by two trials of the detector without attention (0.02 and 0.06). So\n"
    "the table says what attention does to so short a training, not where a long one would end.",
    "lraspp": "25,600 scenes, after 800,000 that the backbones saw. The learning rate was chosen\n"
    "by two trials of the segmenter without attention (0.06 and 0.2).",
}

_PAPER = {
    "ssdlite": "On COCO the coordinate attention paper has AP 22.3 without, 23.7 with SE and 24.5\n"
    "with coordinate attention, from backbones that were trained on ImageNet.",
    "lraspp": "With DeepLabV3 on VOC the coordinate attention paper has mIoU 70.8 without, 71.7\n"
    "with SE and 73.3 with coordinate attention.",
}


def markdown(records: dict[str, Checkpoint]) -> str:
    """The page. 95 % intervals: over scenes for a checkpoint, Student's over seeds for gains."""
    lines = [_INTRODUCTION]
    for head, title in _TITLES.items():
        of_head = {k: one for k, one in records.items() if one.model.startswith(f"{head}_")}
        if of_head:
            lines += _section(head, title, of_head)
    lines += [
        "## Train them again",
        "",
        "With `OMP_NUM_THREADS=1` and the versions in the manifests, each command gives the same",
        "weights again; another version may round differently. Add `--out DIR`, and `--resume` to",
        "continue after an interruption. What `--init` names lies in the folder above. With other",
        "seeds:",
        "",
        "```sh",
        *(one.command for one in records.values() if one.seed == 0),
        "```",
    ]
    return "\n".join(lines) + "\n"


def _section(head: str, title: str, records: dict[str, Checkpoint]) -> list[str]:
    figure = next(iter(next(iter(records.values())).score.figures))  # type: ignore[union-attr]
    name = {"ap": "AP", "miou": "mIoU"}[figure]
    found = _by_seed(records)
    means = ", ".join(
        f"{_attention(model)} {100 * mean(seeds.values()):.1f}" for model, seeds in found.items()
    )
    return [
        f"## {title}",
        "",
        f"| training | attention | seed | {name}, of 100 | 95 % interval over scenes |",
        "| --- | --- | --- | --- | --- |",
        *(_row(stem, one) for stem, one in records.items()),
        "",
        f"The mean {name} over seeds is {means}. Paired by seed, in points:",
        "",
        "| model | over | seeds | mean gain | 95 % interval | |",
        "| --- | --- | --- | --- | --- | --- |",
        *(summary.gain_row(one) for one in summary.differences(found)),
        "",
        _PAPER[head],
        _REMARKS[head],
        "",
    ]


def _attention(model: str) -> str:
    return registry.get(model).attention


def _by_seed(records: dict[str, Checkpoint]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for one in records.values():
        assert one.score is not None
        figure = next(iter(one.score.figures.values()))
        found.setdefault(one.model, {})[one.seed] = figure.value
    return found


def _row(stem: str, record: Checkpoint) -> str:
    assert record.score is not None
    figure = next(iter(record.score.figures.values()))
    interval = f"{100 * figure.low:.1f} to {100 * figure.high:.1f}"
    name = f"`{stem}` | {_attention(record.model)} | {record.seed}"
    return f"| {name} | {100 * figure.value:.1f} | {interval} |"


if __name__ == "__main__":
    with documents.replacing(FOLDER / "README.md") as page:
        page.write_text(markdown(summary.shipped(FOLDER)))
