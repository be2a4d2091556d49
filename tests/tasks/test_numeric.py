"""The task `none`: any outputs, compared as numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgebench import tasks
from edgebench.errors import DataError, UnknownNameError
from edgebench.snr import Errors, snr_db
from edgebench.tasks.agreement import AgreementTally
from edgebench.tasks.reduction import reduce
from edgebench.tasks.task import Array, ModelOutput, Signature

TASK = tasks.get("none")
SIGNATURE = Signature(
    (ModelOutput("a", (1, 3, 4)), ModelOutput("b", (7,)), ModelOutput("ids", (1, 2), "int64"))
)
numbers = st.floats(-100, 100, width=32)


def test_every_output_is_kept_whole_under_its_name() -> None:
    assignment = TASK.assign(SIGNATURE, {})
    shown = {one.role: (one.reduction.shape, one.reduction.dtype) for one in assignment.outputs}
    assert shown == {"a": ((3, 4), "float32"), "b": ((7,), "float32"), "ids": ((2,), "int32")}
    outputs = {"a": np.ones((1, 3, 4)), "b": np.ones(7), "ids": np.array([[3, 2**30 + 1]])}
    kept = {one.role: reduce(one.reduction, one.output, outputs) for one in assignment.outputs}
    assert kept["b"].shape == (1, 7) and kept["ids"].tolist() == [[3, 2**30 + 1]]
    (decoded,) = TASK.decode(assignment, kept)
    assert isinstance(decoded, dict) and set(decoded) == {"a", "b", "ids"}


def test_some_outputs_alone_can_be_named() -> None:
    assignment = TASK.assign(SIGNATURE, {"outputs": "b+a"})
    assert [one.role for one in assignment.outputs] == ["b", "a"]
    with pytest.raises(UnknownNameError, match="'c'"):
        TASK.assign(SIGNATURE, {"outputs": "a+c"})


def test_nothing_is_said_of_accuracy() -> None:
    assert TASK.figures == () and TASK.tally(TASK.assign(SIGNATURE, {})) is None
    with pytest.raises(DataError, match="no labels"):
        TASK.truth({"labels": np.zeros(3, int)})


def compared(reference: Array, others: Array, **words: str) -> AgreementTally:
    shape = (1, *reference.shape[1:])
    assignment = TASK.assign(Signature((ModelOutput("a", shape),)), words)
    tally = AgreementTally(TASK, assignment)
    for image in range(len(reference)):
        tally.add({"a": reference[image : image + 1]}, {"a": others[image : image + 1]})
    return tally


@given(hnp.arrays(np.float32, (5, 6), elements=numbers))
def test_numbers_agree_with_themselves(values: Array) -> None:
    found = compared(values, values).result()
    assert found is not None and found.share.value == 1.0 and found.differing == 0


def test_the_largest_of_the_image_is_the_measure() -> None:
    reference = np.array([[100.0, 1.0], [1.0, 1.0]], np.float32)
    off = compared(reference, reference + np.float32(0.5)).result()
    assert off is not None and off.share.value == 0.5
    assert [(one.image, one.share) for one in off.worst] == [(1, 0.0)]
    wider = compared(reference, reference + np.float32(0.5), tolerance="0.6").result()
    assert wider is not None and wider.share.value == 1.0


@given(
    hnp.arrays(np.float32, 12, elements=numbers),
    hnp.arrays(np.float32, 12, elements=numbers),
    st.integers(0, 12),
)
def test_errors_added_part_by_part_are_those_of_the_whole(
    signal: Array, other: Array, cut: int
) -> None:
    errors = Errors()
    errors.add(signal[:cut], other[:cut])
    errors.add(signal[cut:], other[cut:])
    assert errors.snr_db == pytest.approx(snr_db(signal, other))
    assert errors.largest_error == pytest.approx(np.abs(signal.astype(float) - other).max())


def test_errors_of_nothing_but_zeros_have_no_bound() -> None:
    assert snr_db([0.0, 0.0], [0.0, 0.1]) == -np.inf
    with pytest.raises(ValueError, match="shape"):
        Errors().add([1.0], [1.0, 2.0])
