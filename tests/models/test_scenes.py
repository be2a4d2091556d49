"""The digit scenes: real digits, disjoint splits, and a label that depends on where they stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from edgebench.models.data import scenes
from edgebench.models.data.images import normalise


def test_a_seed_fixes_every_pixel_and_label() -> None:
    one, same, other = (scenes.train(150, seed, 40) for seed in (3, 3, 4))
    assert np.array_equal(one.images, same.images)
    assert np.array_equal(one.labels, same.labels)
    assert not np.array_equal(one.images, other.images)


def test_the_test_set_is_the_same_at_every_call_and_calibration_is_not_training() -> None:
    one, same = scenes.evaluation(60), scenes.evaluation(60)
    assert np.array_equal(one.images, same.images)
    first_seeds = [scenes.train(20, seed).images for seed in range(3)]
    assert not any(np.array_equal(scenes.calibration(20).images, found) for found in first_seeds)


def test_train_and_test_digits_are_disjoint_and_together_all_there_are() -> None:
    (train, train_values), (test, test_values) = scenes.digits("train"), scenes.digits("test")
    assert len(test) == scenes.TEST_DIGITS
    # Some of scikit-learn's digits are pixel for pixel the same; none of the others are shared.
    together = np.concatenate((train, test)).reshape(-1, 64)
    wanted = (load_digits().data / 16).astype(np.float32)
    assert np.array_equal(np.sort(together, axis=0), np.sort(wanted, axis=0))
    shared = {d.tobytes() for d in train} & {d.tobytes() for d in test}
    assert not shared
    assert set(train_values) == set(test_values) == set(range(10))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 40))
def test_digits_stand_inside_apart_and_one_is_clearly_the_topmost(seed: int, count: int) -> None:
    recipe = scenes.RECIPE
    layout = scenes.lay_out(np.random.default_rng(seed), "train", count, recipe)
    assert layout.top.shape == (count, recipe.digits)
    for start in (layout.top, layout.left):
        assert (start >= 0).all()
        assert (start + layout.size <= 1 + 1e-6).all()
    for tops, lefts, sizes in zip(layout.top, layout.left, layout.size, strict=True):
        for i in range(recipe.digits):
            for j in range(i):
                below = tops[i] >= tops[j] + sizes[j] or tops[j] >= tops[i] + sizes[i]
                beside = lefts[i] >= lefts[j] + sizes[j] or lefts[j] >= lefts[i] + sizes[i]
                assert below or beside
    ordered = np.sort(layout.centre, axis=1)
    assert (ordered[:, 1] - ordered[:, 0] >= recipe.clearance).all()
    assert np.array_equal(layout.centre[np.arange(count), layout.topmost], ordered[:, 0])


def test_the_label_is_the_value_of_the_digit_that_is_painted_topmost() -> None:
    """Found again from the pixels: the label's digit correlates best with the topmost ink."""
    plain = scenes.Recipe(digits=2, fragments=0, noise=0.0)
    size = 64
    rng = np.random.default_rng(0)
    layout = scenes.lay_out(rng, "test", 200, plain)
    images, labels = scenes.render(rng, "test", layout, size, plain)
    ink, values = scenes.digits("test")
    right = 0
    for image, label, at in zip(images, labels, range(len(images)), strict=True):
        k = int(layout.centre[at].argmin())
        top, left, extent = (float(v[at, k]) * size for v in (layout.top, layout.left, layout.size))
        cells = (np.arange(8) + 0.5) / 8 * extent
        rows, columns = (np.floor(start + cells).astype(int) for start in (top, left))
        seen = image[np.ix_(rows, columns)].mean(axis=2).ravel()
        scores = [np.corrcoef(seen, d.ravel())[0, 1] for d in ink]
        right += int(values[int(np.argmax(scores))] == label)
    assert right / len(images) > 0.95


def test_labels_are_balanced_and_images_are_not_alike() -> None:
    made = scenes.train(2000, 0, 32)
    assert np.bincount(made.labels, minlength=10).min() > 140
    assert made.images.dtype == np.uint8
    assert made.images.reshape(2000, -1).std(axis=1).min() > 10
    assert made.class_names[3] == "topmost 3"
    assert made.labelled


def test_the_recipe_hash_tells_recipes_and_sizes_apart() -> None:
    hashes = {
        scenes.recipe_sha256(48),
        scenes.recipe_sha256(64),
        scenes.recipe_sha256(48, scenes.Recipe(digits=4)),
    }
    assert len(hashes) == 3
    assert scenes.train(1, 0, 48).recipe_sha256 == scenes.recipe_sha256(48)


def test_normalise_standardises_channels_and_moves_them_first() -> None:
    images = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 0.125)
    got = normalise(images, mean, std)
    wanted = (images / 255 - np.array(mean)) / np.array(std)
    assert got.dtype == np.float32
    assert got.shape == (2, 3, 3, 4)
    assert got == pytest.approx(wanted.transpose(0, 3, 1, 2), abs=1e-5)
