"""Detections and labels drawn at random, as detectors make them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgebench.tasks.detection import Boxes
from edgebench.tasks.detection_decode import Detections
from edgebench.tasks.task import Array

SIZE = 300.0


def image(
    chance: np.random.Generator, kinds: int, crowds: float = 0.02
) -> tuple[Detections, Boxes]:
    """What is in an image, and what a middling detector finds in it."""
    things = int(chance.poisson(4))
    there = boxes(chance, things)
    classes = chance.integers(0, kinds, things)
    seen = chance.random(things) < np.linspace(0.9, 0.5, kinds)[classes]
    moved = there[seen] + chance.normal(0, 0.08, (int(seen.sum()), 4)) * np.tile(
        there[seen][:, 2:] - there[seen][:, :2], 2
    )
    moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
    confused = chance.random(len(moved)) < 0.07
    named = np.where(confused, chance.integers(0, kinds, len(moved)), classes[seen])
    noise = boxes(chance, int(chance.poisson(4)))
    hard = chance.normal(0, 0.5)
    centres = np.r_[np.full(len(moved), 1.0), np.full(len(noise), -1.5)]
    scores = 1 / (1 + np.exp(-(centres + hard + chance.normal(size=len(centres)))))
    order = np.argsort(-scores, kind="stable")
    found = Detections(
        np.concatenate([moved, noise])[order],
        scores[order],
        np.r_[named, chance.integers(0, kinds, len(noise))].astype(np.int64)[order],
    )
    crowd = chance.random(things) < crowds
    offsets = np.array([0, things])
    return found, Boxes(there.astype(np.float32), classes.astype(np.int64), crowd, offsets)


def boxes(chance: np.random.Generator, count: int) -> Array:
    corner = chance.uniform(0, SIZE - 50, (count, 2))
    return np.hstack([corner, corner + chance.uniform(20, 120, (count, 2))])


def joined(parts: Sequence[Boxes]) -> Boxes:
    """The labels of several images as one."""
    counts = [len(part.classes) for part in parts]
    return Boxes(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.classes for part in parts]),
        np.concatenate([part.crowd for part in parts]),
        np.r_[0, np.cumsum(counts)].astype(np.int64),
    )


def outputs(found: Sequence[Detections], rows: int) -> dict[str, Array]:
    """Detections as a model with `boxes`, `scores` and `classes` of so many rows gives them."""
    result = {
        "boxes": np.zeros((len(found), rows, 4), np.float64),
        "scores": np.zeros((len(found), rows), np.float64),
        "classes": np.zeros((len(found), rows), np.int32),
    }
    for image, each in enumerate(found):
        for role, values in (
            ("boxes", each.boxes),
            ("scores", each.scores),
            ("classes", each.classes),
        ):
            result[role][image, : len(each)] = values
    return result
