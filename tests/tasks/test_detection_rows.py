"""Boxes in the model's own order beside those of another run, for the comparison of numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from edgebench import tasks
from edgebench.converters.parity import Trial, measure
from edgebench.snr import snr_db
from edgebench.tasks.task import Array, Assignment, ModelOutput, Signature

SIDE = 100
BOXES = np.array(
    [[10, 10, 30, 30], [50, 50, 90, 90], [12, 60, 30, 80], [60, 5, 95, 25], [5, 40, 15, 55]],
    np.float32,
)
SCORES = np.array([0.9, 0.9, 0.6, 0.05, 0.04], np.float32)
CLASSES = np.array([2, 1, 1, 0, 3])


def listed(count: int | None = None) -> Assignment:
    outputs = [
        ModelOutput("b", (1, 5, 4)),
        ModelOutput("s", (1, 5)),
        ModelOutput("c", (1, 5), "int64"),
    ]
    words = {"boxes": "b", "scores": "s", "classes": "c"}
    if count is not None:
        outputs.append(ModelOutput("n", (1,), "int32"))
        words["count"] = "n"
    return tasks.get("detection").assign(Signature(tuple(outputs), (SIDE, SIDE), 5), words)


def run(boxes: Array, scores: Array, classes: Array, count: int | None = None) -> dict[str, Array]:
    made = {"b": boxes[None], "s": scores[None], "c": classes[None]}
    return made if count is None else {**made, "n": np.array([count], np.int32)}


def aligned(
    assignment: Assignment, one: Mapping[str, Array], other: Mapping[str, Array], every: bool
) -> Mapping[str, Array]:
    return tasks.get("detection").aligned(assignment, one, other, every)


@pytest.mark.parametrize("every", [False, True])
def test_boxes_that_changed_places_stand_beside_their_own(every: bool) -> None:
    order = [1, 0, 2, 4, 3]
    reference = run(BOXES, SCORES, CLASSES)
    found = run(BOXES[order] + 0.01, SCORES[order] + 0.001, CLASSES[order])
    assert (snr_db(reference["b"], found["b"]) or 0) < 6
    beside = aligned(listed(), reference, found, every)
    assert (snr_db(reference["b"], beside["b"]) or 0) > 70
    assert np.allclose(beside["s"], reference["s"] + 0.001)
    assert np.array_equal(beside["c"], reference["c"])


@pytest.mark.parametrize("rows_last", [False, True])
def test_so_do_rows_of_boxes_scores_and_classes_in_one_output(rows_last: bool) -> None:
    table = np.column_stack([BOXES, SCORES, CLASSES]).astype(np.float32)[None]
    found = table[:, [1, 0, 2, 3, 4]]
    if rows_last:
        table, found = table.transpose(0, 2, 1), found.transpose(0, 2, 1)
    shape = (1, 6, 5) if rows_last else (1, 5, 6)
    words = {"columns": "box+score+class", "transposed": "detections" if rows_last else "none"}
    signature = Signature((ModelOutput("all", shape),), (SIDE, SIDE), 5)
    assignment = tasks.get("detection").assign(signature, words)
    beside = aligned(assignment, {"all": table}, {"all": found}, False)
    assert np.array_equal(beside["all"], table)


def test_a_box_that_is_lost_is_all_error_and_so_is_a_new_one() -> None:
    reference = run(BOXES, SCORES, CLASSES)
    lost = run(BOXES, np.array([0.9, 0.9, 0.0, 0.05, 0.04], np.float32), CLASSES)
    lost["b"] = lost["b"].copy()
    lost["b"][0, 2] = (80, 80, 99, 99)
    beside = aligned(listed(), reference, lost, False)
    assert np.array_equal(beside["b"][0], [*BOXES[:2], np.zeros(4), *BOXES[3:]])
    new = run(BOXES, np.array([0.9, 0.9, 0.6, 0.05, 0.7], np.float32), CLASSES)
    new["b"] = new["b"].copy()
    new["b"][0, 4] = (40, 0, 50, 9)
    beside = aligned(listed(), reference, new, False)
    assert [40, 0, 50, 9] in beside["b"][0].tolist()


def test_boxes_that_no_application_shows_may_come_and_go_but_not_in_a_proof() -> None:
    reference = run(BOXES, SCORES, CLASSES)
    other = BOXES.copy()
    other[3:] = (0, 0, 5, 5)
    found = run(other, SCORES, CLASSES)
    assert np.array_equal(aligned(listed(), reference, found, False)["b"], reference["b"])
    beside = aligned(listed(), reference, found, True)
    assert np.array_equal(beside["b"][0], [*BOXES[:3], np.zeros(4), np.zeros(4)])


def test_what_lies_behind_the_last_box_is_not_compared() -> None:
    reference = run(BOXES, SCORES, CLASSES, 3)
    garbage = BOXES.copy()
    garbage[3:] = 1e6
    beside = aligned(listed(3), reference, run(garbage, SCORES, CLASSES, 3), True)
    assert np.array_equal(beside["b"], reference["b"])


def test_a_hop_has_the_snr_of_boxes_and_not_of_rows() -> None:
    order = [1, 0, 2, 3, 4]
    reference = list(run(BOXES, SCORES, CLASSES).values())
    found = list(run(BOXES[order] + 0.01, SCORES[order], CLASSES[order]).values())
    plain = Trial([{}], ("b", "s", "c"), True)
    read = Trial([{}], ("b", "s", "c"), True, listed())
    rows, boxes = (measure("it", [reference], [found], one) for one in (plain, read))
    assert rows is not None and rows.snr_db is not None and rows.snr_db < 6
    assert boxes is not None and boxes.snr_db is not None and boxes.snr_db > 70
    assert boxes.agreement is not None and boxes.agreement.value == 1
