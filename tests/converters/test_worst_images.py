"""Which images a search for a mixed precision looks at."""

from __future__ import annotations

import numpy as np

from edgebench import tasks
from edgebench.converters.mending.worst_images import worst
from edgebench.converters.onnx.reference import Array
from edgebench.tasks.task import ModelOutput, Signature

IMAGES = 6


def outputs(*errors: tuple[int, int, float]) -> list[list[Array]]:
    """Boxes in rows 0 to 3 and scores in row 4, of three anchors; `errors` are added to a row."""
    found = [np.full((1, 5, 3), 100, np.float32) for _ in range(IMAGES)]
    for one in found:
        one[:, 4] = 0.5
    for image, row, error in errors:
        found[image][:, row] += error
    return [[one] for one in found]


def test_those_with_the_largest_error_are_given_in_their_order() -> None:
    there = outputs((4, 0, 9.0), (1, 0, 5.0), (3, 0, 1.0))
    assert worst(["out"], None, outputs(), there, 2) == [1, 4]
    assert worst(["out"], None, outputs(), there, 9) == list(range(IMAGES))


def test_scores_count_beside_boxes_in_pixels() -> None:
    there = outputs((4, 0, 9.0), (2, 4, 0.4))
    signature = Signature((ModelOutput("out", (1, 5, 3)),), (100, 200), 1)
    words = {"columns": "box+scores", "transposed": "detections"}
    task = tasks.get("detection").assign(signature, words)
    assert worst(["out"], None, outputs(), there, 1) == [4]
    assert worst(["out"], task, outputs(), there, 1) == [2]


def test_what_is_no_number_is_the_worst() -> None:
    for value in (np.nan, np.inf):
        there = outputs((4, 0, 9.0), (2, 4, value))
        assert worst(["out"], None, outputs(), there, 1) == [2]
    assert worst(["out"], None, outputs((2, 0, np.nan)), outputs((4, 0, 9.0)), 1) == [4]
