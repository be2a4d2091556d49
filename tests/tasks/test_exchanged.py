"""The loss that errors are to cost, beside that which is counted on very many images."""

from __future__ import annotations

import numpy as np
import pytest

from edgebench.tasks.exchanged import expected_loss

CLASSES = 20
Made = tuple[np.ndarray, np.ndarray, np.ndarray]


def _network(rng: np.random.Generator, images: int, noise: float) -> Made:
    """Scores of a network that is right four times in five, those of its file, and the labels.

    The file's errors differ in size from image to image, as those of real files do.
    """
    labels = rng.integers(CLASSES, size=images)
    scores = rng.normal(size=(images, CLASSES))
    scores[np.arange(images), labels] += rng.gamma(4.0, 0.9, images)
    size = noise * rng.gamma(6.0, 1 / 6, (images, 1))
    return scores, scores + size * rng.normal(size=scores.shape), labels


def _lost(scores: np.ndarray, file: np.ndarray, labels: np.ndarray | None) -> float:
    if labels is None:
        return float((scores.argmax(1) != file.argmax(1)).mean())
    return float((scores.argmax(1) == labels).mean() - (file.argmax(1) == labels).mean())


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize(("noise", "of_counting"), [(0.05, 0.65), (0.3, 0.85)])
def test_it_is_what_many_images_lose_known_better_than_by_counting(
    noise: float, of_counting: float, labelled: bool
) -> None:
    """The rarer a flip, the more is known beyond counting."""
    rng = np.random.default_rng(0)
    of = (lambda labels: labels) if labelled else (lambda labels: None)
    scores, file, labels = _network(rng, 200_000, noise)
    truth = _lost(scores, file, of(labels))
    found, counted = [], []
    for _ in range(150):
        scores, file, labels = _network(rng, 120, noise)
        found.append(expected_loss(scores, file, of(labels)))
        counted.append(_lost(scores, file, of(labels)))
    values = np.array([one.value for one in found])
    assert values.mean() == pytest.approx(truth, rel=0.1, abs=0.001)
    errors = [np.sqrt(np.mean((x - truth) ** 2)) for x in (values, np.array(counted))]
    assert errors[0] < of_counting * errors[1]
    held = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.85 <= held <= 0.99


def test_of_many_files_the_one_that_loses_nothing_by_chance_is_seen_through() -> None:
    """The best of twenty files that are all alike: counting on its images says half of the loss."""
    rng = np.random.default_rng(1)
    truth, counted, expected = [], [], []
    for _ in range(20):
        scores, _, labels = _network(rng, 120, 0.0)
        files = [scores + 0.5 * rng.normal(size=scores.shape) for _ in range(20)]
        best = min(files, key=lambda file: _lost(scores, file, labels))
        truth.append(np.mean([_lost(scores, file, labels) for file in files]))
        counted.append(_lost(scores, best, labels))
        expected.append(expected_loss(scores, best, labels).value)
    assert np.mean(counted) < 0.3 * np.mean(truth)
    assert np.mean(expected) > 0.7 * np.mean(truth)


def test_errors_that_turn_nothing_cost_nothing() -> None:
    scores = np.array([[3.0, 0.0, 0.0], [0.0, 5.0, 1.0]])
    found = expected_loss(scores, scores + 0.1, None)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_errors_of_one_image_are_put_on_the_other() -> None:
    """The first leads by 1 and the second by 4; the errors of the second make up for 2."""
    scores = np.array([[1.0, 0.0], [0.0, 4.0]])
    file = np.array([[1.0, 0.0], [2.0, 4.0]])
    assert expected_loss(scores, file, None).value == 0.25
    assert expected_loss(scores, file, np.array([0, 1])).value == 0.25
    assert expected_loss(scores, file, np.array([1, 1])).value == -0.25  # It would be mended.


def test_one_image_tells_nothing() -> None:
    found = expected_loss(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]]), None)
    assert (found.low, found.high) == (-1.0, 1.0)
