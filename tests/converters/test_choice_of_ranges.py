"""By what one way to choose ranges is better than another."""

from __future__ import annotations

import numpy as np
import pytest

from edgebench import tasks
from edgebench.converters.export.trial import typical_db
from edgebench.converters.onnx.reference import Array
from edgebench.tasks.task import Assignment, ModelOutput, Signature

IMAGES = 8


def detector() -> Assignment:
    signature = Signature((ModelOutput("out", (1, 5, 3)),), (100, 200), 1)
    return tasks.get("detection").assign(
        signature, {"columns": "box+scores", "transposed": "detections"}
    )


def outputs(box: float = 0, score: float = 0, images: range = range(IMAGES)) -> list[list[Array]]:
    """Boxes of 100 pixels and scores of 0.5, with errors in some of the images."""
    found = [np.full((1, 5, 3), 100, np.float32) for _ in range(IMAGES)]
    for number, one in enumerate(found):
        one[:, :4] += box if number in images else 0
        one[:, 4] = 0.5 + (score if number in images else 0)
    return [[one] for one in found]


def level(found: list[list[Array]], task: Assignment | None = None) -> float:
    return typical_db(["out"], task, outputs(), found)


def test_scores_count_beside_boxes_in_pixels() -> None:
    task = detector()
    rough, blind = outputs(box=10), outputs(score=0.4)
    assert level(blind) > level(rough)
    assert level(blind, task) < level(rough, task)
    assert level(rough, task) == pytest.approx(20.0)
    assert level(blind, task) == pytest.approx(20 * np.log10(0.5 / 0.4), abs=1e-4)


def test_what_is_better_on_most_images_is_better() -> None:
    """One image holds more of the error's squares than the seven others."""
    one, seven = outputs(box=40, images=range(1)), outputs(box=10, images=range(1, IMAGES))
    assert level(one) > level(seven)


def test_no_error_weighs_no_more_than_what_eight_bits_can_tell() -> None:
    assert level(outputs()) == level(outputs(box=0.01)) == 50.0
    assert level(outputs(box=1000)) == level(outputs(box=np.nan)) == 0.0
