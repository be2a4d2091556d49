"""AP beside COCO's own evaluation, its intervals, and its laws."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import drawn
import numpy as np
import pytest
from coco_reference import average_precision as coco_ap
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench import tasks
from edgebench.errors import DataError
from edgebench.tasks.detection import Boxes, Found
from edgebench.tasks.detection_decode import Detections
from edgebench.tasks.task import Array, ModelOutput, Score, Signature

TASK = tasks.get("detection")
ROWS = 130


def tallied(found: Sequence[Detections], truth: Boxes, cuts: Sequence[int] = ()) -> Found:
    shapes = {"boxes": (1, ROWS, 4), "scores": (1, ROWS), "classes": (1, ROWS)}
    named = tuple(ModelOutput(name, shape) for name, shape in shapes.items())
    tally = TASK.tally(TASK.assign(Signature(named, (300, 300)), {name: name for name in shapes}))
    assert isinstance(tally, Found)
    outputs = drawn.outputs(found, ROWS)
    for start, stop in pairwise([0, *sorted(cuts), len(found)]):
        batch = {role: values[start:stop] for role, values in outputs.items()}
        tally.add(batch, truth.part(start, stop))
    return tally


def values(score: Score | None) -> dict[str, float]:
    """The figures alone, and -1 as COCOeval has it where there is nothing to find."""
    if score is None:
        return dict.fromkeys(("ap", "ap50", "ap75"), -1.0)
    return {name: figure.value for name, figure in score.figures.items()}


def boxes(*rows: tuple[float, ...]) -> Array:
    return np.array(rows, np.float64).reshape(-1, 4)


def labels(*images: tuple[Array, Sequence[int], Sequence[bool]]) -> Boxes:
    return drawn.joined(
        [
            Boxes(
                there.astype(np.float32),
                np.array(kinds, np.int64),
                np.array(crowd, bool),
                np.array([0, len(there)]),
            )
            for there, kinds, crowd in images
        ]
    )


def found(rows: Array, scores: Sequence[float], kinds: Sequence[int]) -> Detections:
    return Detections(rows, np.array(scores, float), np.array(kinds, np.int64))


NOTHING = found(boxes(), [], [])
ONE, TWO = (0.0, 0.0, 10.0, 10.0), (20.0, 20.0, 40.0, 40.0)
NEAR = (0.0, 0.0, 10.0, 8.0)  # IoU 0.8 with ONE: exactly a threshold.
HALF = (0.0, 0.0, 10.0, 5.0)  # IoU 0.5 with ONE.
WIDE = (0.0, 0.0, 100.0, 100.0)

CASES = {
    "all found": (
        [found(boxes(ONE, TWO), [0.9, 0.8], [0, 1])],
        [(boxes(ONE, TWO), [0, 1], [0, 0])],
    ),
    "exactly at thresholds": ([found(boxes(NEAR), [0.9], [0])], [(boxes(ONE), [0], [0])]),
    "half": ([found(boxes(HALF), [0.9], [0])], [(boxes(ONE), [0], [0])]),
    "found twice": ([found(boxes(ONE, NEAR), [0.8, 0.9], [0, 0])], [(boxes(ONE), [0], [0])]),
    "of two things the nearer": (
        [found(boxes(NEAR, ONE), [0.9, 0.8], [0, 0])],
        [(boxes(ONE, HALF), [0, 0], [0, 0])],
    ),
    "another class": ([found(boxes(ONE), [0.9], [1])], [(boxes(ONE), [0], [0])]),
    "a class that is never there": (
        [found(boxes(ONE, TWO), [0.9, 0.8], [0, 3])],
        [(boxes(ONE), [0], [0])],
    ),
    "ties of scores": (
        [found(boxes(TWO, ONE), [0.5, 0.5], [0, 0]), found(boxes(ONE), [0.5], [0])],
        [(boxes(ONE), [0], [0]), (boxes(TWO), [0], [0])],
    ),
    "an empty image with detections": (
        [found(boxes(ONE), [0.9], [0]), found(boxes(ONE), [0.8], [0])],
        [(boxes(), [], []), (boxes(ONE), [0], [0])],
    ),
    "no detections": ([NOTHING, NOTHING], [(boxes(ONE), [0], [0]), (boxes(), [], [])]),
    "nothing to find": ([found(boxes(ONE), [0.9], [0])], [(boxes(), [], [])]),
    "within a crowd": (
        [found(boxes(ONE, TWO, ONE), [0.9, 0.8, 0.7], [0, 0, 0])],
        [(boxes(WIDE, ONE), [0, 0], [1, 0])],
    ),
    "nothing but a crowd": ([found(boxes(ONE), [0.9], [0])], [(boxes(WIDE), [0], [1])]),
    "a thing before a crowd": (
        [found(boxes(ONE), [0.9], [0])],
        [(boxes((0, 0, 12, 12), (0, 0, 10, 9)), [0, 0], [1, 0])],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_hand_made_cases_are_as_cocoeval_has_them(case: str) -> None:
    predicted, wanted = CASES[case]
    truth = labels(*wanted)
    assert values(tallied(predicted, truth).score()) == pytest.approx(
        coco_ap(predicted, truth), abs=1e-9
    )


def test_of_a_class_in_an_image_100_detections_count() -> None:
    """The thing is found by the hundredth, and in another image by the hundred and first."""
    for better in (99, 100):
        far = boxes(*((200.0 + i, 200.0, 210.0 + i, 210.0) for i in range(better)))
        scores = np.linspace(0.9, 0.5, better + 1)
        predicted = [found(np.concatenate([far, boxes(ONE)]), scores, [0] * (better + 1))]
        truth = labels((boxes(ONE), [0], [0]))
        ours = values(tallied(predicted, truth).score())
        assert ours == pytest.approx(coco_ap(predicted, truth), abs=1e-9)
        assert ours["ap"] == (pytest.approx(0.01) if better == 99 else 0.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 4), st.sampled_from([None, 1, 2]))
def test_random_cases_are_as_cocoeval_has_them(
    seed: int, images: int, kinds: int, digits: int | None
) -> None:
    chance = np.random.default_rng(seed)
    pairs = [drawn.image(chance, kinds, crowds=0.2) for _ in range(images)]
    predicted = [each for each, _ in pairs]
    if digits is not None:  # Few distinct scores, so that there are ties.
        predicted = [
            Detections(one.boxes, np.maximum(one.scores.round(digits), 0.01), one.classes)
            for one in predicted
        ]
    truth = drawn.joined([each for _, each in pairs])
    assert values(tallied(predicted, truth).score()) == pytest.approx(
        coco_ap(predicted, truth), abs=1e-9
    )


def test_an_image_that_counts_twice_is_as_two_images() -> None:
    chance = np.random.default_rng(1)
    pairs = [drawn.image(chance, 3) for _ in range(12)]
    times = chance.integers(0, 4, len(pairs))
    tally = tallied([each for each, _ in pairs], drawn.joined([each for _, each in pairs]))
    weighted = tally.figures(times[None].astype(float))
    chosen = [pair for pair, count in zip(pairs, times, strict=True) for _ in range(count)]
    expected = coco_ap([each for each, _ in chosen], drawn.joined([each for _, each in chosen]))
    assert {name: one[0] for name, one in weighted.items()} == pytest.approx(expected, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.data())
def test_batches_and_the_order_of_images_change_nothing(seed: int, data: st.DataObject) -> None:
    chance = np.random.default_rng(seed)
    pairs = [drawn.image(chance, 3) for _ in range(24)]
    predicted, parts = [each for each, _ in pairs], [each for _, each in pairs]
    whole = tallied(predicted, drawn.joined(parts)).score()
    cuts = data.draw(st.lists(st.integers(0, 24), max_size=4))
    assert tallied(predicted, drawn.joined(parts), cuts).score() == whole
    order = data.draw(st.permutations(range(24)))
    turned = tallied(
        [predicted[image] for image in order], drawn.joined([parts[image] for image in order])
    ).score()
    assert whole is not None and turned is not None
    for name, figure in whole.figures.items():
        other = turned.figures[name]
        assert (figure.value, figure.low, figure.high) == pytest.approx(
            (other.value, other.low, other.high)
        )


def test_a_difference_turns_around_and_knows_its_images() -> None:
    chance = np.random.default_rng(4)
    pairs = [drawn.image(chance, 3) for _ in range(40)]
    truth = drawn.joined([each for _, each in pairs])
    one = tallied([each for each, _ in pairs], truth)
    other = tallied([weakened(chance, each, 3) for each, _ in pairs], truth)
    there, back = one.difference(other), other.difference(one)
    alone, another = one.score(), other.score()
    assert there is not None and back is not None and alone is not None and another is not None
    for name, figure in there.figures.items():
        turned = back.figures[name]
        assert (figure.value, figure.low, figure.high) == pytest.approx(
            (-turned.value, -turned.high, -turned.low)
        )
        assert figure.value == pytest.approx(
            alone.figures[name].value - another.figures[name].value
        )
    # Over the same images the difference is surer than either.
    assert width(there) < 0.8 * width(alone)
    shorter = tallied([each for each, _ in pairs][:39], truth.part(0, 39))
    with pytest.raises(DataError, match="same images"):
        one.difference(shorter)


def width(score: Score) -> float:
    return score.figures["ap"].high - score.figures["ap"].low


def test_two_that_find_the_same_still_may_differ_elsewhere() -> None:
    chance = np.random.default_rng(4)
    pairs = [drawn.image(chance, 3) for _ in range(100)]
    tally = tallied([each for each, _ in pairs], drawn.joined([each for _, each in pairs]))
    same = tally.difference(tally)
    assert same is not None and not same.few
    figure = same.figures["ap"]
    assert figure.value == 0.0 and -0.02 < figure.low < -0.005 and 0.005 < figure.high < 0.02


def test_few_images_leave_the_figure_open() -> None:
    chance = np.random.default_rng(4)
    pairs = [drawn.image(chance, 3) for _ in range(19)]
    tally = tallied([each for each, _ in pairs], drawn.joined([each for _, each in pairs]))
    alone, same = tally.score(), tally.difference(tally)
    assert alone is not None and same is not None
    assert alone.few and (alone.figures["ap"].low, alone.figures["ap"].high) == (0.0, 1.0)
    assert same.few and (same.figures["ap"].low, same.figures["ap"].high) == (-1.0, 1.0)


def weakened(chance: np.random.Generator, one: Detections, kinds: int) -> Detections:
    """What a quantised twin finds: most of it, a little elsewhere, with a little other scores."""
    keep = chance.random(len(one)) < 0.97
    scores = np.clip(one.scores + chance.normal(0, 0.03, len(one)), 0.02, 1)
    others = chance.integers(0, kinds, len(one))
    classes = np.where(chance.random(len(one)) < 0.02, others, one.classes)
    moved = one.boxes + chance.normal(0, 1, one.boxes.shape)
    order = np.argsort(-scores[keep], kind="stable")
    return Detections(moved[keep][order], scores[keep][order], classes[keep][order])


def test_95_of_100_intervals_hold_the_ap_of_other_images_and_its_difference() -> None:
    """Of as many images each, drawn from the same 1,500."""
    chance = np.random.default_rng(8)
    pairs = [drawn.image(chance, 3) for _ in range(1500)]
    truth = drawn.joined([each for _, each in pairs])
    tallies = [
        tallied([each for each, _ in pairs], truth),
        tallied([weakened(chance, each, 3) for each, _ in pairs], truth),
    ]
    runs, images = 150, 40
    scores, drops = [], []
    for _ in range(runs):
        chosen = chance.integers(0, len(pairs), images)
        one, other = (choice(tally, chosen) for tally in tallies)
        alone, drop = one.score(), other.difference(one)
        assert alone is not None and drop is not None
        scores.append(alone.figures["ap"])
        drops.append(drop.figures["ap"])
    for intervals in (scores, drops):
        expected = np.mean([one.value for one in intervals])
        held = np.mean([one.low <= expected <= one.high for one in intervals])
        assert held > 0.95 - 3 * np.sqrt(0.95 * 0.05 / runs)
        # Not by being wide: 95 % of a normal distribution are 3.9 standard deviations.
        wide = np.mean([one.high - one.low for one in intervals])
        assert wide < 1.4 * 3.92 * np.std([one.value for one in intervals])


def choice(tally: Found, images: Array) -> Found:
    """A tally of some of the images, each as often as it is named."""
    chosen = Found(tally._assignment)
    chosen._matches = [tally._matches[image] for image in images]
    chosen._truth = [tally._truth[image] for image in images]
    return chosen
