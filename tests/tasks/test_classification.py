"""Classification: roles, top-1 and top-5 beside scikit-learn, agreement, and their laws."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import accuracy_score, top_k_accuracy_score

from edgebench import tasks
from edgebench.errors import DataError, UnknownNameError, UsageError
from edgebench.intervals import paired_difference, proportion
from edgebench.tasks.agreement import Agreement, AgreementTally
from edgebench.tasks.classification import ClassLabels, Hits
from edgebench.tasks.task import Array, Assignment, ModelOutput, Signature

TASK = tasks.get("classification")


def signature(*shapes: tuple[int, ...], classes: int | None = None) -> Signature:
    outputs = tuple(ModelOutput(f"out{i}", shape) for i, shape in enumerate(shapes))
    return Signature(outputs, (224, 224), classes)


def assigned(classes: int, **given: str) -> Assignment:
    return TASK.assign(signature((1, classes)), given)


def tallied(logits: Array, labels: Array, cuts: Sequence[int] = ()) -> Hits:
    assignment = assigned(logits.shape[1])
    tally = TASK.tally(assignment)
    assert isinstance(tally, Hits)
    for start, stop in pairwise([0, *sorted(cuts), len(logits)]):
        tally.add({"logits": logits[start:stop]}, ClassLabels(labels).part(start, stop))
    return tally


def agreement(one: Array, other: Array, cuts: Sequence[int] = ()) -> Agreement:
    tally = AgreementTally(TASK, assigned(one.shape[1]))
    for start, stop in pairwise([0, *sorted(cuts), len(one)]):
        tally.add({"logits": one[start:stop]}, {"logits": other[start:stop]})
    found = tally.result()
    assert found is not None
    return found


@st.composite
def scored(draw: st.DrawFn) -> tuple[Array, Array]:
    """Logits of few distinct values, so that there are ties, and labels."""
    images, classes = draw(st.integers(1, 30)), draw(st.integers(2, 9))
    logits = draw(hnp.arrays(np.float32, (images, classes), elements=st.sampled_from([-1, 0, 1])))
    labels = draw(hnp.arrays(np.int64, images, elements=st.integers(0, classes - 1)))
    return logits, labels


def test_top_1_and_top_5_are_those_of_scikit_learn() -> None:
    chance = np.random.default_rng(0)
    labels = chance.integers(0, 20, 400)
    logits = chance.normal(size=(400, 20)).astype(np.float32)
    logits[np.arange(400), labels] += 1.5
    found = tallied(logits, labels).score()
    assert found is not None
    classes = np.arange(20)
    for name, depth in (("top1", 1), ("top5", 5)):
        expected = top_k_accuracy_score(labels, logits, k=depth, labels=classes)
        assert found.figures[name].value == pytest.approx(expected, abs=1e-12)


@given(scored())
def test_among_equal_scores_the_first_is_the_best_as_in_argmax(case: tuple[Array, Array]) -> None:
    logits, labels = case
    found = tallied(logits, labels).score()
    assert found is not None
    expected = proportion(logits.argmax(1) == labels)
    assert found.figures["top1"] == expected
    assert expected.value == pytest.approx(accuracy_score(labels, logits.argmax(1)))


def test_top_5_is_left_out_where_five_classes_are_all() -> None:
    found = tallied(np.eye(5, dtype=np.float32), np.arange(5)).score()
    assert found is not None and set(found.figures) == {"top1"}


@given(scored(), st.data())
def test_batches_and_the_order_of_images_change_nothing(
    case: tuple[Array, Array], data: st.DataObject
) -> None:
    logits, labels = case
    cuts = data.draw(st.lists(st.integers(0, len(labels)), max_size=4))
    order = np.array(data.draw(st.permutations(range(len(labels)))))
    whole = tallied(logits, labels).score()
    assert tallied(logits, labels, cuts).score() == whole
    assert tallied(logits[order], labels[order]).score() == whole


@given(scored(), st.integers(0, 99))
def test_a_difference_is_the_paired_one_and_turns_around(
    case: tuple[Array, Array], seed: int
) -> None:
    logits, labels = case
    others = np.random.default_rng(seed).permutation(logits.ravel()).reshape(logits.shape)
    one, other = tallied(logits, labels), tallied(others, labels)
    there, back = one.difference(other), other.difference(one)
    assert there is not None and back is not None
    expected = paired_difference(logits.argmax(1) == labels, others.argmax(1) == labels)
    assert there.figures["top1"] == expected
    for name, figure in there.figures.items():
        turned = back.figures[name]
        assert (figure.value, figure.low, figure.high) == pytest.approx(
            (-turned.value, -turned.high, -turned.low)
        )


def test_other_images_have_no_difference() -> None:
    logits = np.eye(4, dtype=np.float32)
    one, other = tallied(logits, np.arange(4)), tallied(logits, np.array([0, 1, 3, 2]))
    assert not one.same_images(other)
    with pytest.raises(DataError, match="same images"):
        one.difference(other)


@given(scored())
def test_outputs_agree_with_themselves(case: tuple[Array, Array]) -> None:
    logits, _ = case
    found = agreement(logits, logits)
    assert found.share.value == 1.0 and not found.worst
    assert found.share == proportion(np.ones(len(logits), bool))


def test_flips_are_named_whatever_the_batches() -> None:
    logits = np.tile(np.array([[0.0, 1.0, 2.0]], np.float32), (50, 1))
    others = logits.copy()
    others[[7, 31]] = [[3.0, 1.0, 2.0]]
    found = agreement(logits, others)
    assert found == agreement(logits, others, cuts=[8, 8, 20])
    assert (found.images, found.differing) == (50, 2)
    assert [one.image for one in found.worst] == [7, 31]
    assert found.share == proportion(np.arange(50) < 48)


def test_decoding_names_five_classes_and_their_probabilities() -> None:
    logits = np.log(np.array([[0.1, 0.5, 0.2, 0.05, 0.06, 0.09]], np.float32))
    for role, values in (("logits", logits + 3), ("probabilities", np.exp(logits))):
        assignment = assigned(6, **{role: "out0"})
        (found,) = tasks.get("classification").decode(assignment, {role: values})
        assert found.classes.tolist() == [1, 2, 0, 5, 4]
        assert found.scores == pytest.approx([0.5, 0.2, 0.1, 0.09, 0.06])


def test_a_background_class_shifts_the_labels() -> None:
    assignment = TASK.assign(signature((1, 4), classes=3), {"background": "first"})
    tally = TASK.tally(assignment)
    assert tally is not None
    tally.add({"logits": np.eye(4, dtype=np.float32)[1:]}, ClassLabels(np.arange(3)))
    found = tally.score()
    assert found is not None and found.figures["top1"].value == 1.0


@pytest.mark.parametrize(
    "shapes", [((1, 1000),), ((8, 1000, 1, 1),), ((1, 1, 1, 1000),), ((1, 1000), (1, 256, 7, 7))]
)
def test_one_output_of_scores_needs_no_name(shapes: tuple[tuple[int, ...], ...]) -> None:
    assignment = TASK.assign(signature(*shapes), {})
    (kept,) = assignment.outputs
    assert (kept.role, kept.output, kept.reduction.shape) == ("logits", "out0", (1000,))


def test_the_number_of_labels_chooses_between_two_outputs() -> None:
    both = ((1, 1280), (1, 1000))
    assert TASK.assign(signature(*both, classes=1000), {}).outputs[0].output == "out1"
    with pytest.raises(UsageError, match="out0 1x1280, out1 1x1000"):
        TASK.assign(signature(*both), {})
    assert TASK.assign(signature(*both), {"probabilities": "out1"}).outputs[0].output == "out1"


@pytest.mark.parametrize(
    ("given_words", "error", "said"),
    [
        ({"logits": "out7"}, UnknownNameError, "out7"),
        ({"boxes": "out0"}, UnknownNameError, "boxes"),
        ({"background": "last"}, UsageError, "background"),
        ({"logits": "out1"}, UsageError, "out1 1x21x65x65"),
        ({"logits": "out0", "probabilities": "out0"}, UsageError, "not both"),
    ],
)
def test_what_does_not_fit_is_said(
    given_words: dict[str, str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        TASK.assign(signature((1, 10), (1, 21, 65, 65)), given_words)


@pytest.mark.parametrize(
    ("logits", "labels", "said"),
    [
        (np.zeros((2, 3)), np.array([0, 3]), "labels go from 0 to 3"),
        (np.zeros((2, 3)), np.array([-1, 0]), "labels go from -1"),
        (np.zeros((2, 3)), np.array([0]), "2 images and labels of 1"),
        (np.array([[0.0, np.nan, 1.0]]), np.array([0]), "NaN"),
    ],
)
def test_outputs_and_labels_that_do_not_fit_are_refused(
    logits: Array, labels: Array, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        tallied(logits, labels)


def test_labels_are_read_from_an_npz_and_nothing_else() -> None:
    truth = TASK.truth({"labels": np.array([1, 2], np.uint8)})
    assert truth.arrays()["labels"].dtype == np.int64 and len(truth) == 2
    for wrong in ({}, {"labels": np.zeros((2, 2), int)}, {"labels": np.array([0.5])}):
        with pytest.raises(DataError, match="`labels`"):
            TASK.truth(wrong)


def test_a_task_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(UnknownNameError) as caught:
        tasks.get("clasification")
    assert "did you mean 'classification'?" in caught.value.remedy


def test_one_output_of_scores_says_that_it_classifies() -> None:
    assert TASK.evident(signature((1, 10)))
    for others in ([(1, 10), (1, 4)], [(1, 1)], [(1, 3, 8, 8)], []):
        assert not TASK.evident(signature(*others))


def test_labels_of_another_count_are_refused_with_both_counts() -> None:
    with pytest.raises(UsageError, match="there are 4 labels, and the model has 10 classes"):
        TASK.assign(signature((1, 10), classes=4), {})
