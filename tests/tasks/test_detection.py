"""Detection: many layouts of one answer, what is kept of them, and how alike two are."""

from __future__ import annotations

import json
from collections.abc import Mapping

import drawn
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench import tasks
from edgebench.documents import decode
from edgebench.errors import DataError, UnknownNameError, UsageError
from edgebench.tasks.agreement import AgreementTally
from edgebench.tasks.detection import Boxes
from edgebench.tasks.detection_decode import Detections, detections
from edgebench.tasks.reduction import reduce
from edgebench.tasks.task import Array, Assignment, ModelOutput, Signature

TASK = tasks.get("detection")
HEIGHT, WIDTH = 100, 200
XYXY = np.array(
    [[20.0, 10.0, 60.0, 50.0], [100.0, 30.0, 180.0, 90.0], [22.0, 12.0, 62.0, 52.0]], np.float32
)
SCORES = np.array([[0.1, 0.8], [0.6, 0.05], [0.02, 0.5]], np.float32)
"""Of three boxes and two classes; the third box is the first again."""

BEST = [(0, 1, 0.8), (1, 0, 0.6), (0, 0, 0.1), (1, 1, 0.05)]
"""Box, class and score of what stays: the third box goes for the first in both classes."""

PLAIN = {"boxes": XYXY[None], "scores": SCORES[None]}
CENTRES = np.concatenate([(XYXY[:, :2] + XYXY[:, 2:]) / 2, XYXY[:, 2:] - XYXY[:, :2]], 1)
LOGITS = np.log(SCORES / (1 - SCORES))
REST = 1 - SCORES.sum(1, keepdims=True)
SIDES = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT], np.float32)
ONES = np.ones((3, 1), np.float32)
YX = [1, 0, 3, 2]

ANCHORS = "1x3:0.3x0.5"
"""Three cells side by side, an anchor in each of 60x50 of the 200x100 pixels, at 1/6, 1/2, 5/6."""

OFFSETS = np.array(
    [
        [
            (x - cell) / 60 / 0.1,
            (y - 50) / 50 / 0.1,
            np.log(width / 60) / 0.2,
            np.log(height / 50) / 0.2,
        ]
        for (x, y, width, height), cell in zip(CENTRES, (200 / 6, 100, 1000 / 6), strict=True)
    ],
    np.float32,
)

LAYOUTS: dict[str, tuple[dict[str, Array], dict[str, str]]] = {
    "plain": (PLAIN, {}),
    "offsets to anchors": (
        {**PLAIN, "boxes": OFFSETS[None]},
        {"format": "offsets", "anchors": ANCHORS},
    ),
    "offsets to anchors, y first, of other variances": (
        {**PLAIN, "boxes": (OFFSETS * (0.1, 0.1, 0.2, 0.2)).astype(np.float32)[None][..., YX]},
        {"format": "offsets-yx", "anchors": ANCHORS, "variances": "1+1"},
    ),
    "offsets to anchors of cells with a distance of their own": (
        {**PLAIN, "boxes": OFFSETS[None]},
        {"format": "offsets", "anchors": "1x3@1x0.333333333:0.3x0.5"},
    ),
    "without a batch axis": ({"boxes": XYXY, "scores": SCORES}, {}),
    "a lone axis between": ({"boxes": XYXY[None, :, None], "scores": SCORES[None]}, {}),
    "transposed": ({"boxes": XYXY.T[None], "scores": SCORES.T[None]}, {}),
    "yxyx": ({**PLAIN, "boxes": XYXY[None][..., [1, 0, 3, 2]]}, {"format": "yxyx"}),
    "cxcywh": ({**PLAIN, "boxes": CENTRES[None]}, {"format": "cxcywh"}),
    "xywh": (
        {**PLAIN, "boxes": np.concatenate([XYXY[:, :2], CENTRES[:, 2:]], 1)[None]},
        {"format": "xywh"},
    ),
    "normalised": ({**PLAIN, "boxes": (XYXY / SIDES)[None]}, {"scale": "normalised"}),
    "logits": ({**PLAIN, "scores": LOGITS[None]}, {"activation": "sigmoid"}),
    "softmax with a background first": (
        {**PLAIN, "scores": np.log(np.concatenate([REST, SCORES], 1))[None] + 2},
        {"activation": "softmax", "background": "first"},
    ),
    "a background last": (
        {**PLAIN, "scores": np.concatenate([SCORES, REST], 1)[None]},
        {"background": "last"},
    ),
    "in one output": (
        {"out": np.concatenate([XYXY, SCORES], 1)[None]},
        {"columns": "box+scores", "transposed": "none"},
    ),
    "in one output, transposed": (
        {"out": np.concatenate([CENTRES, SCORES], 1).T[None]},
        {"columns": "box+scores", "format": "cxcywh", "transposed": "detections"},
    ),
    "with an objectness": (
        {"out": np.concatenate([XYXY, ONES / 2, SCORES * 2], 1)[None]},
        {"columns": "box+objectness+scores", "transposed": "none"},
    ),
}

PLACES = [(0, 1, 0.8), (1, 0, 0.6), (2, 1, 0.5)]
THINNED = {
    "boxes": np.concatenate([XYXY, np.zeros((2, 4), np.float32)])[None],
    "scores": np.array([[0.8, 0.6, 0.5, 0.0, 0.0]], np.float32),
    "classes": np.array([[1, 0, 1, 0, 0]]),
}
"""Detections that were thinned out already: all of them stay, but for the rows left empty."""

FIVE = np.array([[0.8, 1.0], [0.6, 0.0], [0.5, 1.0], [0.0, 0.0], [0.0, 0.0]], np.float32)
THINNED_LAYOUTS: dict[str, tuple[dict[str, Array], dict[str, str]]] = {
    "plain": (THINNED, {}),
    "without a batch axis": ({name: values[0] for name, values in THINNED.items()}, {}),
    "classes as real numbers": (
        {**THINNED, "classes": THINNED["classes"].astype(np.float32)},
        {"boxes": "boxes", "scores": "scores", "classes": "classes"},
    ),
    "classes from one": ({**THINNED, "classes": THINNED["classes"] + 1}, {"background": "first"}),
    "counted": (
        {
            **THINNED,
            "scores": np.array([[0.8, 0.6, 0.5, 0.9, 0.9]], np.float32),
            "n": np.array([3]),
        },
        {},
    ),
    "in one output": (
        {"out": np.concatenate([THINNED["boxes"], FIVE[None]], 2)},
        {"columns": "box+score+class"},
    ),
}


def signature(outputs: Mapping[str, Array], classes: int | None = None) -> Signature:
    named = (ModelOutput(name, one.shape, str(one.dtype)) for name, one in outputs.items())
    return Signature(tuple(named), (HEIGHT, WIDTH), classes)


def kept(assignment: Assignment, outputs: Mapping[str, Array]) -> dict[str, Array]:
    return {one.role: reduce(one.reduction, one.output, outputs) for one in assignment.outputs}


def check(found: Detections, expected: list[tuple[int, int, float]]) -> None:
    assert found.classes.tolist() == [kind for _, kind, _ in expected]
    assert found.scores == pytest.approx([score for _, _, score in expected], abs=1e-6)
    boxes = XYXY[[box for box, _, _ in expected]]
    assert np.allclose(found.boxes, boxes, atol=1e-3)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_answer_is_read_from_many_layouts(layout: str) -> None:
    outputs, words = LAYOUTS[layout]
    assignment = TASK.assign(signature(outputs), words)
    (found,) = detections(assignment, kept(assignment, outputs))
    check(found, BEST)


@pytest.mark.parametrize("layout", THINNED_LAYOUTS)
def test_what_was_thinned_out_stays_as_it_is(layout: str) -> None:
    outputs, words = THINNED_LAYOUTS[layout]
    assignment = TASK.assign(signature(outputs), words)
    (found,) = detections(assignment, kept(assignment, outputs))
    check(found, PLACES)


@pytest.mark.parametrize("layout", [*LAYOUTS, *THINNED_LAYOUTS])
def test_an_assignment_is_plain_data(layout: str) -> None:
    outputs, words = {**LAYOUTS, **THINNED_LAYOUTS}[layout]
    assignment = TASK.assign(signature(outputs), words)
    text = json.dumps(msgspec.to_builtins(assignment))
    assert decode(text, Assignment) == assignment


@pytest.mark.parametrize(
    ("shape", "columns", "turned"),
    [
        ((1, 84, 8400), "box+scores", True),
        ((1, 8400, 84), "box+scores", False),
        ((1, 25200, 85), "box+objectness+scores", False),
        ((1, 85, 60), "box+objectness+scores", True),
        ((1, 300, 6), "box+score+class", False),
    ],
)
def test_the_number_of_labels_tells_the_columns(
    shape: tuple[int, ...], columns: str, turned: bool
) -> None:
    assignment = TASK.assign(Signature((ModelOutput("out", shape),), (640, 640), 80), {})
    assert assignment.layout["columns"] == columns
    assert assignment.layout["transposed"] == ("detections" if turned else "none")


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("columns", ["box+scores", "box+objectness+scores"])
def test_of_many_rows_the_best_are_kept_and_none_is_lost_that_counts(
    turned: bool, columns: str
) -> None:
    chance = np.random.default_rng(2)
    count, kinds = 3000, 7
    scores = chance.random((count, kinds)).astype(np.float32) ** 40
    table = [drawn.boxes(chance, count).astype(np.float32), scores]
    if columns == "box+objectness+scores":
        table.insert(1, chance.random((count, 1)).astype(np.float32))
    whole = np.concatenate(table, 1)[None]
    outputs = {"out": whole.swapaxes(1, 2) if turned else whole}
    words = {"score": "0.3", "nms": "0.5"}
    assignment = TASK.assign(signature(outputs, kinds), words)
    (one,) = assignment.outputs
    assert one.reduction.kind == "top_rows" and not one.reduction.numeric
    assert one.reduction.bytes_an_image == 4 * 1000 * whole.shape[2]
    best = kept(assignment, outputs)
    assert best["detections"].shape == (1, *one.reduction.shape)
    (found,) = detections(assignment, best)
    everything = TASK.assign(signature({"out": whole[:, :1000]}, kinds), words)
    # The same by hand: all rows with a score that counts, as they were.
    first = 4 + (columns == "box+objectness+scores")
    high = whole[0, :, first:].max(1) * (whole[0, :, 4] if first == 5 else 1) > 0.3
    assert 0 < high.sum() < 1000
    rest = np.zeros((1, 1000 - int(high.sum()), whole.shape[2]), np.float32)
    padded = np.concatenate([whole[:, high], rest], 1)
    (expected,) = detections(everything, kept(everything, {"out": padded}))
    assert np.array_equal(found.classes, expected.classes)
    assert np.array_equal(found.boxes, expected.boxes)


def test_rows_of_two_outputs_stay_together() -> None:
    chance = np.random.default_rng(2)
    boxes = drawn.boxes(chance, 2000).astype(np.float32)
    scores = chance.random((2000, 3)).astype(np.float32)
    outputs = {"b": boxes.T[None], "s": scores[None]}
    assignment = TASK.assign(signature(outputs), {})
    found = kept(assignment, outputs)
    assert (found["boxes"].shape, found["scores"].shape) == ((1, 4, 1000), (1, 1000, 3))
    order = np.argsort(-scores.max(1), kind="stable")[:1000]
    assert np.array_equal(found["boxes"][0].T, boxes[order])
    assert np.array_equal(found["scores"][0], scores[order])


@pytest.mark.parametrize(
    ("shapes", "words", "said"),
    [
        ({"a": (1, 21, 65, 65)}, {}, "a 1x21x65x65"),
        ({"a": (1, 100, 4)}, {}, "a 1x100x4"),
        ({"a": (1, 84, 8400)}, {}, "a 1x84x8400"),
        ({"a": (1, 100, 4), "b": (1, 100), "c": (1, 100)}, {}, "b 1x100, c 1x100"),
        ({"a": (1, 100, 4), "b": (1, 90, 2)}, {"boxes": "a", "scores": "b"}, "b 1x90x2"),
        ({"a": (1, 100, 5), "b": (1, 100, 2)}, {"boxes": "a", "scores": "b"}, "a 1x100x5"),
        ({"a": (1, 100, 7)}, {"detections": "a", "columns": "box+score+class"}, "a 1x100x7"),
    ],
)
def test_what_does_not_fit_is_said_with_its_shapes(
    shapes: dict[str, tuple[int, ...]], words: dict[str, str], said: str
) -> None:
    outputs = tuple(ModelOutput(name, shape) for name, shape in shapes.items())
    with pytest.raises(UsageError, match=said):
        TASK.assign(Signature(outputs, (640, 640)), words)


def test_words_that_do_not_exist_are_said() -> None:
    with pytest.raises(UnknownNameError, match="bboxes"):
        TASK.assign(signature(PLAIN), {"bboxes": "boxes"})
    with pytest.raises(UsageError, match="xxyy"):
        TASK.assign(signature(PLAIN), {"format": "xxyy"})
    with pytest.raises(UsageError, match="size of the model's input"):
        TASK.assign(Signature(signature(PLAIN).outputs), {"scale": "normalised"})


@pytest.mark.parametrize(("scale", "boxes"), [("pixels", XYXY / SIDES), ("normalised", XYXY)])
def test_boxes_on_another_scale_are_not_scored(scale: str, boxes: Array) -> None:
    outputs = {**PLAIN, "boxes": boxes[None]}
    assignment = TASK.assign(signature(outputs), {"scale": scale})
    tally = TASK.tally(assignment)
    assert tally is not None
    there = np.array([0, 1])
    truth = Boxes(XYXY[:2], there, np.zeros(2, bool), np.array([0, 2]))
    tally.add(kept(assignment, outputs), truth)
    with pytest.raises(DataError) as caught:
        tally.score()
    assert "scale=" in caught.value.remedy


def compared(one: list[Detections], other: list[Detections]) -> AgreementTally:
    shapes = {"boxes": (1, 130, 4), "scores": (1, 130), "classes": (1, 130)}
    named = tuple(ModelOutput(name, shape) for name, shape in shapes.items())
    assignment = TASK.assign(Signature(named, (300, 300)), {name: name for name in shapes})
    tally = AgreementTally(TASK, assignment)
    tally.add(drawn.outputs(one, 130), drawn.outputs(other, 130))
    return tally


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_detections_agree_with_themselves_and_both_ways_alike(seed: int) -> None:
    chance = np.random.default_rng(seed)
    one, other = ([drawn.image(chance, 3)[0] for _ in range(5)] for _ in range(2))
    same = compared(one, one).result()
    assert same is None or (same.share.value == 1.0 and same.differing == 0)
    there, back = compared(one, other).result(), compared(other, one).result()
    assert (there and there.share.value) == pytest.approx(back and back.share.value)


def test_boxes_agree_by_place_class_and_score() -> None:
    def one(box: tuple[float, ...], score: float, kind: int) -> Detections:
        return Detections(np.array([box]), np.array([score]), np.array([kind]))

    start = one((0, 0, 10, 10), 0.5, 1)
    others = {
        1.0: [((0, 0, 10, 5), 0.5, 1), ((0, 0, 10, 10), 0.41, 1)],
        0.0: [((0, 0, 10, 4.9), 0.5, 1), ((0, 0, 10, 10), 0.39, 1), ((0, 0, 10, 10), 0.5, 0)],
    }
    for share, boxes in others.items():
        for box in boxes:
            found = compared([start], [one(*box)]).result()
            assert found is not None and found.share.value == share
    # A box that neither shows is nothing, and one just below what is shown is no difference.
    faint = one((0, 0, 10, 10), 0.29, 1)
    assert compared([faint], [faint]).result() is None
    shown = compared([one((0, 0, 10, 10), 0.31, 1)], [faint]).result()
    assert shown is not None and shown.share.value == 1.0


def test_the_image_that_lost_its_boxes_is_named() -> None:
    chance = np.random.default_rng(7)
    one = [drawn.image(chance, 3)[0] for _ in range(40)]
    other = list(one)
    empty = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    lost = next(image for image in range(9, 40) if (one[image].scores > 0.5).any())
    other[lost] = empty
    found = compared(one, other).result()
    assert found is not None
    assert [(worst.image, worst.share) for worst in found.worst] == [(lost, 0.0)]
    assert found.share.low < found.share.value < 1.0


def test_labels_are_flat_arrays_with_offsets() -> None:
    chance = np.random.default_rng(0)
    truth = drawn.joined([drawn.image(chance, 3)[1] for _ in range(6)])
    again = TASK.truth(truth.arrays())
    assert len(again) == 6
    for name, array in truth.arrays().items():
        assert np.array_equal(again.arrays()[name], array)
    part = again.part(2, 5)
    assert len(part) == 3 and part.arrays()["offsets"][0] == 0
    flat = truth.arrays()
    for wrong in (
        {},
        {**flat, "offsets": flat["offsets"][:-1]},
        {**flat, "offsets": flat["offsets"][::-1]},
        {**flat, "classes": flat["classes"] - 5},
        {**flat, "classes": flat["classes"].astype(float)},
        {**flat, "boxes": flat["boxes"][:, [2, 3, 0, 1]]},
    ):
        with pytest.raises(DataError):
            TASK.truth(wrong)


def test_only_floats_that_are_kept_whole_have_an_snr() -> None:
    outputs = (
        ModelOutput("b", (1, 100, 4)),
        ModelOutput("s", (1, 100)),
        ModelOutput("c", (1, 100), "int64"),
    )
    assignment = TASK.assign(Signature(outputs, (64, 64), 5), {})
    numeric = {one.role: one.reduction.numeric for one in assignment.outputs}
    assert numeric == {"boxes": True, "scores": True, "classes": False}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"format": "offsets"}, "offsets become boxes by anchors"),
        ({"anchors": ANCHORS}, "anchors are for boxes that are given as offsets"),
        ({"format": "offsets", "anchors": "1x3:0.3"}, "'1x3:0.3' is no level of anchors"),
        ({"format": "offsets", "anchors": "0x3:0.3x0.5"}, "no level of anchors"),
        ({"format": "offsets", "anchors": ANCHORS, "variances": "0.1"}, "are no variances"),
        (
            {"format": "offsets", "anchors": "2x2:0.3x0.5+0.1x0.1/1x1:1x1"},
            r"there are 8 \+ 1 = 9 anchors, and the output 'boxes' has 3 rows",
        ),
    ],
)
def test_anchors_that_do_not_fit_are_refused(words: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TASK.assign(signature(PLAIN), words)


def test_no_row_of_offsets_is_left_out_for_its_place_says_its_anchor() -> None:
    outputs = {"boxes": np.zeros((1, 4800, 4), np.float32), "scores": np.zeros((1, 4800, 3))}
    words = {"format": "offsets", "anchors": "40x40:0.1x0.1+0.2x0.2+0.3x0.3"}
    assignment = TASK.assign(signature(outputs), words)
    assert {one.reduction.kind for one in assignment.outputs} == {"identity"}
