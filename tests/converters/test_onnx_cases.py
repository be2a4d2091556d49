"""Cases that are converted together: each answers for itself."""

from __future__ import annotations

import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from onnx_cases import Arrays, Outcomes, prepared, single_ops

NAMES = [f"test_{op}" for op in ("abs", "neg", "ceil", "floor", "sqrt", "exp")]


def test_a_case_that_fails_does_not_take_others_with_it() -> None:
    cases = {case.name: case for case in single_ops() if case.name in NAMES}
    assert sorted(cases) == sorted(NAMES)

    def run(model: onnx.ModelProto, feeds: Arrays) -> Arrays:
        if any(node.op_type == "Ceil" for node in model.graph.node):
            raise ValueError("no ceilings")
        names = [info.name for info in model.graph.output]
        found = dict(zip(names, ReferenceEvaluator(model).run(None, dict(feeds)), strict=True))
        return {name: value + (name == "test_neg/y") for name, value in found.items()}

    outcomes = Outcomes([prepared(case, ()) for case in cases.values()], run)
    with pytest.raises(ValueError, match="no ceilings"):
        outcomes.check(cases["test_ceil"])
    with pytest.raises(AssertionError):
        outcomes.check(cases["test_neg"])
    for name in set(NAMES) - {"test_ceil", "test_neg"}:
        outcomes.check(cases[name])
