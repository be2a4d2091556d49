"""Which examples calibrate, and which are measured on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.models.data.parts import Parts, halves, spread


@given(st.integers(1, 500), st.data())
def test_one_of_every_stretch_is_taken(total: int, data: st.DataObject) -> None:
    wanted = data.draw(st.integers(1, total))
    found = spread(total, wanted)
    assert found == spread(total, wanted)
    for i, place in enumerate(found):
        assert i * total // wanted <= place < (i + 1) * total // wanted


@given(st.integers(0, 500))
def test_halves_share_everything(total: int) -> None:
    first, second = halves(total)
    assert sorted([*first, *second]) == list(range(total))
    assert 0 <= len(first) - len(second) <= 1


@pytest.mark.parametrize("period", range(2, 9))
def test_what_repeats_in_a_list_has_its_share_of_each_part(period: int) -> None:
    """Such as pictures that are each followed by their augmentations."""
    listed = [i % period for i in range(480)]
    parts = Parts(listed)
    for part in (parts.calibration(500, False), parts.evaluation(500, False)):
        counts = [part.count(phase) / len(part) for phase in range(period)]
        assert min(counts) > 0.5 / period and max(counts) < 1.5 / period
    for half in halves(480):
        assert abs(sum(listed[i] for i in half) / len(half) - (period - 1) / 2) < period / 16
