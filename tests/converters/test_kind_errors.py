"""The error of an output that holds several kinds of numbers."""

from __future__ import annotations

import math

import numpy as np

from edgebench.converters.output_error import KindErrors
from edgebench.snr import snr_db
from edgebench.tasks.task import PartOfOutput

BOXES, SCORES = PartOfOutput(-2, 0, 4), PartOfOutput(-2, 4, 5)
WANTED = np.concatenate([np.full((1, 4, 3), 100.0), np.full((1, 1, 3), 0.5)], 1)
LOST = np.concatenate([WANTED[:, :4], np.zeros((1, 1, 3))], 1)
"""The boxes are right, and no score is left."""


def decibels(found: np.ndarray, *kinds: PartOfOutput, wanted: np.ndarray = WANTED) -> float:
    errors = KindErrors(kinds)
    errors.add(wanted, found)
    return errors.decibels


def test_scores_that_are_lost_show_beside_boxes_in_pixels() -> None:
    assert decibels(LOST) > 50
    assert decibels(LOST, BOXES, SCORES) == 0.0
    moved = WANTED + 1
    assert decibels(moved, BOXES, SCORES) == snr_db(WANTED[:, 4:], moved[:, 4:])


def test_a_kind_that_the_reference_has_nothing_of_says_nothing() -> None:
    nothing = np.concatenate([WANTED[:, :4], np.zeros((1, 1, 3))], 1)
    assert decibels(WANTED, BOXES, SCORES, wanted=nothing) == math.inf
    assert decibels(WANTED, wanted=np.zeros_like(WANTED)) == -math.inf


def test_what_is_no_number_or_has_another_shape_is_lost() -> None:
    for found in (np.where(WANTED == 0.5, np.nan, WANTED), WANTED[:, :, :2]):
        assert decibels(found) == decibels(found, BOXES, SCORES) == -math.inf
    unknown = np.where(WANTED == 0.5, np.nan, WANTED)
    assert decibels(WANTED, wanted=unknown) == math.inf
