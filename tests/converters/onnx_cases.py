"""ONNX's own operator tests: a model of one operator each, with inputs and outputs."""

from __future__ import annotations

import functools
import warnings

from onnx.backend.test.case.test_case import TestCase


@functools.cache
def single_ops() -> tuple[TestCase, ...]:
    """Every case of ONNX's node suite."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        return tuple(load_model_tests(kind="node"))


def ops_of(case: TestCase) -> set[str]:
    """The operators that a case is about."""
    return {node.op_type for node in case.model.graph.node} - {"Constant", "ConstantOfShape"}
