"""Segmentation: what is kept of outputs, mIoU beside scikit-learn, agreement, and their laws."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import accuracy_score, jaccard_score

from edgebench import tasks
from edgebench.errors import DataError, UsageError
from edgebench.tasks.agreement import AgreementTally
from edgebench.tasks.reduction import reduce
from edgebench.tasks.segmentation import Areas, ClassMaps, enlarged
from edgebench.tasks.task import Array, Assignment, ModelOutput, Score, Signature

TASK = tasks.get("segmentation")
CLASSES = 6


def assigned(shape: tuple[int, ...], **given: str) -> Assignment:
    signature = Signature((ModelOutput("out", shape, "int64"),), None, CLASSES)
    return TASK.assign(signature, given)


def tallied(predicted: Array, wanted: Array, cuts: Sequence[int] = ()) -> Areas:
    tally = TASK.tally(assigned(predicted.shape))
    assert isinstance(tally, Areas)
    for start, stop in pairwise([0, *sorted(cuts), len(predicted)]):
        tally.add({"map": predicted[start:stop]}, ClassMaps(wanted).part(start, stop))
    return tally


def scored(predicted: Array, wanted: Array, cuts: Sequence[int] = ()) -> Score:
    found = tallied(predicted, wanted, cuts).score()
    assert found is not None
    return found


@st.composite
def maps(draw: st.DrawFn) -> tuple[Array, Array]:
    """Predicted and labelled maps, with pixels that are ignored."""
    shape = draw(st.tuples(st.integers(1, 25), st.integers(2, 6), st.integers(2, 6)))
    there = hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 5, 255]))
    wanted = draw(there.filter(lambda labels: bool((labels != 255).any())))
    predicted = draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, CLASSES - 1)))
    return predicted, wanted


@given(maps())
def test_miou_and_pixel_accuracy_are_those_of_scikit_learn(case: tuple[Array, Array]) -> None:
    predicted, wanted = case
    valid = wanted != 255
    there, found = wanted[valid], predicted[valid]
    present = np.union1d(there, found)
    figures = scored(predicted, wanted).figures
    expected = jaccard_score(there, found, labels=present, average="macro")
    assert figures["miou"].value == pytest.approx(expected, abs=1e-12)
    assert figures["pixels"].value == pytest.approx(accuracy_score(there, found), abs=1e-12)


def test_21_classes_of_larger_maps_too() -> None:
    chance = np.random.default_rng(0)
    wanted = chance.integers(0, 21, (40, 32, 48)).astype(np.uint8)
    predicted = np.where(chance.random(wanted.shape) < 0.7, wanted, chance.integers(0, 21))
    wanted[chance.random(wanted.shape) < 0.05] = 255
    signature = Signature((ModelOutput("out", (1, 32, 48), "int32"),), None, 21)
    tally = TASK.tally(TASK.assign(signature, {}))
    assert tally is not None
    tally.add({"map": predicted.astype(np.uint8)}, ClassMaps(wanted))
    found = tally.score()
    assert found is not None
    valid = wanted != 255
    expected = jaccard_score(wanted[valid], predicted[valid], average="macro")
    assert found.figures["miou"].value == pytest.approx(expected, abs=1e-12)


@given(maps(), st.data())
def test_batches_and_the_order_of_images_change_nothing(
    case: tuple[Array, Array], data: st.DataObject
) -> None:
    predicted, wanted = case
    cuts = data.draw(st.lists(st.integers(0, len(wanted)), max_size=4))
    order = np.array(data.draw(st.permutations(range(len(wanted)))))
    whole = scored(predicted, wanted)
    assert scored(predicted, wanted, cuts) == whole
    turned = scored(predicted[order], wanted[order])
    for name, figure in whole.figures.items():
        other = turned.figures[name]
        assert (figure.value, figure.low, figure.high) == pytest.approx(
            (other.value, other.low, other.high)
        )


@given(maps(), st.integers(0, 99))
def test_differences_turn_around_and_are_those_of_the_figures(
    case: tuple[Array, Array], seed: int
) -> None:
    predicted, wanted = case
    others = np.random.default_rng(seed).integers(0, CLASSES, wanted.shape).astype(np.uint8)
    one, other = tallied(predicted, wanted), tallied(others, wanted)
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


def test_few_images_leave_the_figure_open() -> None:
    wanted = np.random.default_rng(0).integers(0, 3, (19, 8, 8)).astype(np.uint8)
    found = scored(wanted, wanted)
    assert found.few
    assert (found.figures["miou"].low, found.figures["miou"].high) == (0.0, 1.0)
    enough = scored(np.repeat(wanted, 2, 0), np.repeat(wanted, 2, 0))
    assert not enough.few and 0.9 < enough.figures["miou"].low < 1.0


def test_maps_without_a_labelled_pixel_have_no_score() -> None:
    ignored = np.full((3, 4, 4), 255, np.uint8)
    assert tallied(np.zeros_like(ignored), ignored).score() is None


def test_95_of_100_intervals_hold_the_miou_of_other_images() -> None:
    """Of as many images each, drawn from the same 4,000: 21 classes, most of them rare."""
    chance = np.random.default_rng(3)
    areas = drawn(chance, 4000)
    runs, images, truth = 200, 60, []
    intervals = []
    for _ in range(runs):
        chosen = areas[chance.integers(0, len(areas), images)]
        tally = Areas(Assignment("segmentation", (), {"classes": 21}))
        tally._areas = list(chosen)
        found = tally.score()
        assert found is not None
        intervals.append(found.figures["miou"])
        truth.append(found.figures["miou"].value)
    expected = np.mean(truth)
    held = np.mean([one.low <= expected <= one.high for one in intervals])
    # Three standard errors of 200 runs below, and on the safe side above.
    assert 0.90 < held <= 1.0
    assert np.mean([one.high - one.low for one in intervals]) < 8 * np.std(truth)


def drawn(chance: np.random.Generator, images: int) -> Array:
    """Areas (images, 3, classes) of a background and one to three of 20 things in each image."""
    areas = np.zeros((images, 3, 21), np.int64)
    often = 1 / np.arange(1, 21)
    for right, predicted, there in areas:
        for thing in 1 + chance.choice(20, chance.integers(1, 4), False, often / often.sum()):
            area = chance.integers(200, 3000)
            found = int(area * chance.beta(3, 1.5))
            beside = int(chance.random() * (area - found))
            right[thing], there[thing], predicted[thing] = found, area, found + beside
        there[0] = 10_000 - there[1:].sum()
        predicted[0] = 10_000 - predicted[1:].sum()
        right[0] = min(there[0], predicted[0])
    return areas


@given(maps())
def test_maps_agree_with_themselves(case: tuple[Array, Array]) -> None:
    predicted, _ = case
    tally = AgreementTally(TASK, assigned(predicted.shape))
    tally.add({"map": predicted}, {"map": predicted})
    found = tally.result()
    assert found is not None and found.share.value == 1.0 and not found.worst


def test_the_image_with_the_most_other_pixels_is_named_first() -> None:
    reference = np.zeros((30, 10, 10), np.uint8)
    others = reference.copy()
    others[4, 0] = 1
    others[11, :2] = 2
    tally = AgreementTally(TASK, assigned(reference.shape))
    for part in (slice(0, 7), slice(7, 30)):
        tally.add({"map": reference[part]}, {"map": others[part]})
    found = tally.result()
    assert found is not None
    assert found.share.value == pytest.approx(1 - 30 / 3000)
    assert [(one.image, one.share) for one in found.worst] == [(11, 0.8), (4, 0.9)]
    assert found.share.low < 0.99 < found.share.high


@pytest.mark.parametrize(
    ("shape", "image", "classes", "shown"),
    [
        ((1, 21, 513, 513), None, None, ("argmax", 0, (513, 513), "uint8")),
        ((1, 513, 513, 21), None, None, ("argmax", 2, (513, 513), "uint8")),
        ((1, 150, 128, 128), (512, 512), None, ("argmax", 0, (128, 128), "uint8")),
        ((1, 150, 128, 128), None, 150, ("argmax", 0, (128, 128), "uint8")),
        ((1, 300, 512, 512), None, None, ("argmax", 0, (512, 512), "uint16")),
    ],
)
def test_scores_are_kept_as_the_best_class_of_each_pixel(
    shape: tuple[int, ...],
    image: tuple[int, int] | None,
    classes: int | None,
    shown: tuple[str, int, tuple[int, ...], str],
) -> None:
    signature = Signature((ModelOutput("out", shape),), image, classes)
    (kept,) = TASK.assign(signature, {}).outputs
    found = kept.reduction
    assert (found.kind, found.axis, found.shape, found.dtype) == shown
    assert found.bytes_an_image == np.prod(found.shape) * np.dtype(shown[3]).itemsize


def test_one_channel_is_cut_at_the_middle() -> None:
    values = np.array([[[[-1.0, 0.2], [0.6, 3.0]]]], np.float32)
    signature = Signature((ModelOutput("out", values.shape),), (2, 2))
    for role, expected in (("logits", [0, 1, 1, 1]), ("probabilities", [0, 0, 1, 1])):
        assignment = TASK.assign(signature, {role: "out"})
        kept = reduce(assignment.outputs[0].reduction, "out", {"out": values})
        assert kept.dtype == np.uint8 and kept.ravel().tolist() == expected
    with pytest.raises(UsageError, match="out 1x1x2x2"):
        TASK.assign(signature, {})


def test_of_two_heads_one_has_to_be_named() -> None:
    heads = tuple(ModelOutput(name, (1, 21, 65, 65)) for name in ("out", "aux"))
    with pytest.raises(UsageError, match="out 1x21x65x65, aux 1x21x65x65"):
        TASK.assign(Signature(heads), {})
    assert TASK.assign(Signature(heads), {"logits": "out"}).outputs[0].output == "out"


def test_the_axis_of_classes_has_to_be_said_where_no_shape_tells() -> None:
    signature = Signature((ModelOutput("out", (1, 64, 64, 64)),), (64, 64))
    with pytest.raises(UsageError) as caught:
        TASK.assign(signature, {})
    assert "channels=" in caught.value.remedy
    (kept,) = TASK.assign(signature, {"channels": "last"}).outputs
    assert kept.reduction.axis == 2


def test_a_map_needs_the_number_of_classes() -> None:
    signature = Signature((ModelOutput("out", (1, 65, 65), "int64"),))
    with pytest.raises(UsageError, match="segmentation needs"):
        TASK.assign(signature, {})
    assert TASK.assign(signature, {"classes": "21"}).layout == {"classes": 21}


def test_a_smaller_map_takes_the_nearest_pixels() -> None:
    small = np.arange(6).reshape(2, 3)
    assert np.array_equal(enlarged(small, (4, 6)), small.repeat(2, 0).repeat(2, 1))
    assert np.array_equal(enlarged(small, (2, 3)), small)
    wanted = np.zeros((1, 4, 6), np.uint8)
    found = scored(np.zeros((1, 2, 3), np.uint8), wanted)
    assert found.figures["pixels"].value == 1.0


@pytest.mark.parametrize(
    ("predicted", "wanted", "said"), [(6, 0, "predicted class is 6"), (0, 7, "label is 7")]
)
def test_classes_that_do_not_exist_are_refused(predicted: int, wanted: int, said: str) -> None:
    with pytest.raises(DataError, match=said):
        scored(np.full((1, 2, 2), predicted, np.uint8), np.full((1, 2, 2), wanted, np.uint8))


def test_labels_are_maps_of_small_whole_numbers() -> None:
    maps = np.zeros((2, 3, 4), np.uint16)
    assert np.array_equal(TASK.truth({"maps": maps}).arrays()["maps"], maps)
    for wrong in ({}, {"maps": maps.astype(np.int64)}, {"maps": maps[0]}):
        with pytest.raises(DataError, match="`maps`"):
            TASK.truth(wrong)
