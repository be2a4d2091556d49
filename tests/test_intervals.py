"""Intervals of shares: their laws, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edgebench.intervals import (
    Estimate,
    clustered_share,
    mean,
    paired_difference,
    proportion,
    share,
)
from edgebench.snr import snr_db

hits = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200)


@given(hits)
def test_swapping_the_two_sides_turns_the_difference_around(pairs: list[tuple[bool, bool]]) -> None:
    one, other = (np.array(side) for side in zip(*pairs, strict=True))
    there = paired_difference(one, other)
    back = paired_difference(other, one)
    assert there.low <= there.value <= there.high
    assert (there.value, there.low, there.high) == pytest.approx(
        (-back.value, -back.high, -back.low)
    )


def test_95_of_100_accuracy_differences_hold_the_truth() -> None:
    chance = np.random.default_rng(3)
    images, runs, held = 300, 1000, 0
    for _ in range(runs):
        easy = chance.random(images) < 0.8
        one = easy & (chance.random(images) < 0.98)
        found = paired_difference(one, easy)
        held += found.low <= -0.8 * 0.02 <= found.high
    assert 0.93 < held / runs < 0.99


def test_signal_to_noise_is_ten_times_the_log_of_the_power_ratio() -> None:
    signal = np.array([3.0, 4.0])
    assert snr_db(signal, signal) is None
    assert snr_db(signal, [3.5, 4.0]) == pytest.approx(20.0)


@given(st.lists(st.booleans(), min_size=2, max_size=200))
def test_images_of_one_thing_each_have_wilsons_interval_but_for_students_t(
    hits: list[bool],
) -> None:
    found, plain = clustered_share(hits, np.ones(len(hits))), proportion(np.array(hits))
    assert found.value == plain.value
    assert found.low <= plain.low + 1e-12 and found.high >= plain.high - 1e-12
    if len(hits) > 100:
        assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.003)


def test_images_that_agree_whole_leave_room_for_one_that_does_not() -> None:
    pixels = np.full(200, 10_000)
    found, one_each = clustered_share(pixels, pixels), share(200, 200)
    assert found.low == pytest.approx(one_each.low, abs=0.001)
    assert found.low < 1.0 == found.high


def test_one_image_says_nothing_of_others() -> None:
    assert clustered_share([30], [40]) == Estimate(0.75, 0.0, 1.0)
    assert clustered_share([30, 0], [40, 0]) == Estimate(0.75, 0.0, 1.0)


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        clustered_share([0, 0], [0, 0])


@pytest.mark.parametrize(("images", "likeness"), [(50, 2.0), (100, 20.0), (300, 20.0)])
def test_95_of_100_shares_of_alike_pixels_hold_the_truth(images: int, likeness: float) -> None:
    chance = np.random.default_rng(17)
    truth, runs, held = 0.9, 600, 0
    for _ in range(runs):
        totals = chance.integers(500, 1500, images)
        each = chance.beta(truth * likeness, (1 - truth) * likeness, images)
        found = clustered_share(chance.binomial(totals, each), totals)
        held += found.low <= truth <= found.high
    assert 0.923 < held / runs < 0.977  # Three standard errors of 600 runs.


def test_an_image_in_thirty_that_fails_whole_is_within_the_interval_of_enough_images() -> None:
    chance = np.random.default_rng(5)
    runs, held, totals = 400, 0, np.full(300, 1000)
    for _ in range(runs):
        each = np.where(chance.random(300) < 0.03, 0.2, 0.99)
        found = clustered_share(chance.binomial(totals, each), totals)
        held += found.low <= 0.03 * 0.2 + 0.97 * 0.99 <= found.high
    assert held / runs > 0.917


def test_a_means_interval_is_students() -> None:
    values = [0.3, 0.1, 0.7, 0.2]
    found = mean(values)
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert [found.low, found.high] == pytest.approx([theirs.low, theirs.high])
    assert mean([0.5]).high == np.inf
    with pytest.raises(ValueError, match="nothing"):
        mean([])
