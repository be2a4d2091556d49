"""The laws of the layout algebra, against numpy: the record of an order is always the truth."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from edgebench.converters.tflite import layout

extents = st.integers(1, 4)
shapes = st.lists(extents, min_size=1, max_size=5).map(tuple)


@st.composite
def lying(draw: st.DrawFn) -> tuple[np.ndarray, layout.Order]:
    """An array in ONNX's order of axes, and an order in which it lies."""
    shape = draw(shapes)
    array = np.arange(math.prod(shape)).reshape(shape)
    return array, tuple(draw(st.permutations(range(len(shape)))))


def stood(memory: np.ndarray, order: layout.Order) -> np.ndarray:
    return np.transpose(memory, np.argsort(order))


@given(lying(), st.data())
def test_permutation_turns_one_order_into_another(case, data) -> None:
    array, have = case
    want = tuple(data.draw(st.permutations(have)))
    moved = np.transpose(np.transpose(array, have), layout.permutation(have, want))
    np.testing.assert_array_equal(moved, np.transpose(array, want))


@given(lying())
def test_standing_undoes_lying(case) -> None:
    array, order = case
    assert layout.stand(layout.lie(array.shape, order), order) == array.shape


@given(lying(), st.data())
def test_moves_data_says_whether_a_reshape_would_do(case, data) -> None:
    array, have = case
    want = tuple(data.draw(st.permutations(have)))
    reshaped = np.transpose(array, have).reshape(layout.lie(array.shape, want))
    same = (reshaped == np.transpose(array, want)).all()
    assert layout.moves_data(array.shape, have, want) != same


@given(lying(), st.data())
def test_transposing_leaves_the_memory_alone(case, data) -> None:
    array, order = case
    perm = data.draw(st.permutations(range(array.ndim)))
    after = layout.transpose(order, perm)
    np.testing.assert_array_equal(
        stood(np.transpose(array, order), after), np.transpose(array, perm)
    )


@given(lying(), st.data())
def test_inserted_axes_are_of_extent_one_and_move_nothing(case, data) -> None:
    array, order = case
    rank = array.ndim + 2
    axes = data.draw(st.lists(st.integers(0, rank - 1), min_size=2, max_size=2, unique=True))
    after = layout.insert(order, axes)
    want = np.expand_dims(array, tuple(axes))
    memory = np.transpose(array, order).reshape(layout.lie(want.shape, after))
    np.testing.assert_array_equal(stood(memory, after), want)


@given(lying(), st.data())
def test_removed_axes_leave_the_others_in_sequence(case, data) -> None:
    array, order = case
    axes = data.draw(st.sets(st.integers(0, array.ndim - 1)))
    memory = np.transpose(array, order).sum(axis=tuple(order.index(a) for a in axes))
    np.testing.assert_array_equal(
        stood(memory, layout.remove(order, axes)), array.sum(axis=tuple(axes))
    )


@given(lying(), st.data())
def test_a_reshape_in_place_is_a_reshape(case, data) -> None:
    array, order = case
    after = data.draw(resized(array.shape))
    found = layout.reshape(array.shape, after, order)
    assume(found is not None)
    memory = np.transpose(array, order).reshape(layout.lie(after, found))
    np.testing.assert_array_equal(stood(memory, found), array.reshape(after))


@given(shapes, st.data())
def test_a_reshape_of_what_stands_needs_no_move(shape, data) -> None:
    after = data.draw(resized(shape))
    assert layout.reshape(shape, after, layout.identity(len(shape))) is not None


def test_flattening_an_image_moves_data_unless_it_is_one_pixel() -> None:
    assert layout.reshape((1, 8, 2, 2), (1, 32), layout.CHANNELS_LAST) is None
    assert layout.reshape((1, 8, 1, 1), (1, 8), layout.CHANNELS_LAST) == (0, 1)


def test_tokens_of_an_image_stay_channels_last() -> None:
    assert layout.reshape((1, 8, 3, 5), (1, 8, 15), layout.CHANNELS_LAST) == (0, 2, 1)


@given(lying(), st.data())
def test_the_cheapest_order_moves_least(case, data) -> None:
    array, order = case
    others = [tuple(data.draw(st.permutations(order))) for _ in range(2)]
    operands = [(array.shape, o) for o in (order, *others)]

    def moved(want: layout.Order) -> int:
        return sum(layout.moves_data(array.shape, have, want) for _, have in operands)

    best = layout.cheapest(operands)
    assert all(moved(best) <= moved(o) for _, o in operands)


@st.composite
def resized(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Another shape with as many elements: factors shared out among some axes."""
    total, after = math.prod(shape), []
    while total > 1:
        divisor = draw(st.sampled_from([d for d in range(2, total + 1) if total % d == 0]))
        after.append(divisor)
        total //= divisor
    for at in draw(st.lists(st.integers(0, 3), max_size=2)):
        after.insert(at, 1)
    return tuple(after)
