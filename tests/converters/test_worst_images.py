"""Which images the layers are compared on."""

from __future__ import annotations

import numpy as np

from edgebench import tasks
from edgebench.converters.drift.worst_images import worst
from edgebench.converters.output_error import KindErrors
from edgebench.tasks.task import ModelOutput, PartOfOutput, Signature

IMAGES = 6


def kinds() -> tuple[PartOfOutput, ...]:
    """Boxes in rows 0 to 3 and scores in row 4."""
    signature = Signature((ModelOutput("out", (1, 5, 3)),), (100, 200), 1)
    words = {"columns": "box+scores", "transposed": "detections"}
    detection = tasks.get("detection")
    return tuple(detection.kinds(detection.assign(signature, words))["out"])


def compared(
    *errors: tuple[int, int, float], kinds: tuple[PartOfOutput, ...] = ()
) -> list[KindErrors]:
    """Boxes of 100 pixels and scores of 0.5, of three anchors; `errors` are added to a row."""
    wanted = np.full((1, 5, 3), 100, np.float32)
    wanted[:, 4] = 0.5
    found = [KindErrors(kinds) for _ in range(IMAGES)]
    for number, one in enumerate(found):
        there = wanted.copy()
        for image, row, error in errors:
            if image == number:
                there[:, row] += error
        one.add(wanted, there)
    return found


def test_those_with_the_largest_error_come_first() -> None:
    errors = compared((4, 0, 5.0), (1, 0, 9.0), (3, 0, 1.0))
    assert worst([errors], 2) == (1, 4)
    assert worst([errors], 9) == (1, 4, 3, 0, 2, 5)
    assert worst([], 4) == worst([[]], 4) == ()


def test_scores_count_beside_boxes_in_pixels() -> None:
    errors = (4, 0, 9.0), (2, 4, 0.4)
    assert worst([compared(*errors)], 1) == (4,)
    assert worst([compared(*errors, kinds=kinds())], 1) == (2,)


def test_all_outputs_count() -> None:
    assert worst([compared((4, 0, 5.0)), [], compared((1, 0, 9.0))], 2) == (1, 4)


def test_what_is_no_number_is_the_worst() -> None:
    for value in (np.nan, np.inf):
        assert worst([compared((4, 0, 9.0), (2, 4, value))], 1) == (2,)
