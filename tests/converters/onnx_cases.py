"""ONNX's own operator tests: a model of one operator each, with inputs and outputs.

A conversion costs far more than an operator, so that cases are converted together: those of one
opset side by side in one model.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import compose, helper, numpy_helper
from onnx.backend.test.case.test_case import TestCase

Arrays = Mapping[str, np.ndarray]
Run = Callable[[onnx.ModelProto, Arrays], Arrays]
"""Convert a model and run it with inputs by name; gives its outputs by name."""

TYPES = (np.float32, np.int64, np.int32, np.bool_)
"""The types that the targets compute with unquantised."""


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


def cases_of(ops: Collection[str], excluded: Iterable[str]) -> list[TestCase]:
    """The cases of these operators and of `TYPES`, but for those whose name is `excluded`."""
    return [
        case
        for case in single_ops()
        if (found := ops_of(case))
        and found <= set(ops)
        and not any(re.search(pattern, case.name) for pattern in excluded)
        and all(np.asarray(a).dtype in TYPES for part in case.data_sets[0] for a in part)
    ]


@dataclass(frozen=True)
class Prepared:
    """A case's model, in which operands may have become constants, and what to feed it."""

    case: TestCase
    model: onnx.ModelProto
    feeds: Arrays


def prepared(case: TestCase, known: Collection[str]) -> Prepared:
    """The case with the inputs that are `known` as constants. ONNX's suite feeds everything."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    feeds = {}
    for info, given in zip(case.model.graph.input, case.data_sets[0][0], strict=True):
        feeds[info.name] = np.asarray(given)
        if info.name in known:
            constant = numpy_helper.from_array(feeds[info.name], info.name)
            model.graph.initializer.append(constant)
    return Prepared(case, model, feeds)


class Outcomes:
    """What `run` made of each case."""

    def __init__(self, cases: Iterable[Prepared], run: Run) -> None:
        self._run = run
        self._found: dict[str, Sequence[np.ndarray] | Exception] = {}
        groups: dict[int, list[Prepared]] = {}
        for one in cases:
            groups.setdefault(_opset(one.model), []).append(one)
        for opset, group in groups.items():
            self._together(opset, group)

    def _together(self, opset: int, group: Sequence[Prepared]) -> None:
        """Where a group fails, so do halves of it, until the case that fails is alone."""
        try:
            outputs = self._run(*_side_by_side(opset, group))
            for one in group:
                names = [_own(one, info) for info in one.model.graph.output]
                self._found[one.case.name] = [outputs[name] for name in names]
        except Exception as error:
            if len(group) == 1:
                self._found[group[0].case.name] = error
                return
            half = len(group) // 2
            self._together(opset, group[:half])
            self._together(opset, group[half:])

    def outputs(self, case: TestCase) -> Sequence[np.ndarray]:
        """Raises what the case failed with."""
        found = self._found[case.name]
        if isinstance(found, Exception):
            raise found
        return found

    def check(self, case: TestCase, dtypes: bool = True) -> None:
        """Assert that the case gives what ONNX says, at its own tolerances."""
        for got, want in zip(self.outputs(case), case.data_sets[0][1], strict=True):
            assert got.shape == np.shape(want)
            assert not dtypes or got.dtype == np.asarray(want).dtype
            np.testing.assert_allclose(got, want, rtol=case.rtol, atol=max(case.atol, 1e-7))


def _opset(model: onnx.ModelProto) -> int:
    return next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))


def _own(one: Prepared, info: onnx.ValueInfoProto) -> str:
    return f"{one.case.name}/{info.name}"


def _side_by_side(opset: int, group: Sequence[Prepared]) -> tuple[onnx.ModelProto, Arrays]:
    """One model of all the cases, under names of their own, and what to feed it."""
    graph, feeds = onnx.GraphProto(name="cases"), dict[str, np.ndarray]()
    for one in group:
        model = compose.add_prefix(one.model, f"{one.case.name}/")
        constants = {constant.name for constant in model.graph.initializer}
        graph.MergeFrom(model.graph)
        feeds |= {
            _own(one, info): one.feeds[info.name]
            for info in one.model.graph.input
            if _own(one, info) not in constants
        }
    graph.name = "cases"
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), feeds
