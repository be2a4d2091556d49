"""The balanced order: laws that hold for any number of models."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edgebench.benchmarks.planning.orders import balanced_order, there_and_back


@given(st.integers(1, 8), st.integers(1, 4), st.integers(0, 10**6))
def test_each_model_follows_each_one_equally_often(models: int, times: int, seed: int) -> None:
    order = balanced_order(models, times, random.Random(seed))
    followings = Counter(pairwise((*order, order[0])))
    assert followings == {(one, other): times for one in range(models) for other in range(models)}
    assert order == balanced_order(models, times, random.Random(seed))


def test_every_order_is_equally_likely() -> None:
    fair = [
        order
        for order in product(range(2), repeat=8)
        if set(Counter(pairwise((*order, order[0]))).values()) == {2}
    ]
    chance = random.Random(0)
    seen = Counter(balanced_order(2, 2, chance) for _ in range(4000))
    assert set(seen) == set(fair)
    assert stats.chisquare(list(seen.values())).pvalue > 0.001


def test_an_order_does_not_keep_step_with_anything() -> None:
    """What follows two turns later is left to chance: either model, nearly evenly."""
    order = balanced_order(2, 500, random.Random(1))
    same = sum(one == other for one, other in zip(order, order[2:], strict=False))
    assert abs(same / (len(order) - 2) - 0.5) < 0.05


@given(st.integers(2, 12), st.integers(0, 2**32))
def test_there_and_back_puts_all_at_the_same_mean_place(models: int, seed: int) -> None:
    found = there_and_back(models, random.Random(seed))
    places = [[at for at, one in enumerate(found) if one == model] for model in range(models)]
    assert {sum(of) for of in places} == {len(found) - 1}
