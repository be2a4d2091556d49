"""Each Neural Engine rule on what it looks for, and on a program that has none of it."""

from __future__ import annotations

import pytest
from lint_graphs import graph, op, tensor

from edgebench.converters.lint.graph import LintGraph
from edgebench.converters.lint.rule import Subject, check
from edgebench.converters.lint.rules.ane import RULES

MAP = tensor((1, 16, 8, 8), "float16")
SEQUENCE = tensor((1, 10, 32), "float16")


def found(one: LintGraph) -> dict[str, int]:
    findings = check(Subject(one), RULES, ["ane"])
    return {finding.rule.id: len(finding.spots) for finding in findings}


def test_a_plain_half_precision_network_is_clean() -> None:
    plain = graph("coreml", op("conv", MAP, dilations=(1, 1)), op("relu", MAP), op("add", MAP, MAP))
    assert found(plain) == {}


@pytest.mark.parametrize(
    ("rule", "step"),
    [
        ("ane-float32", op("conv", tensor((1, 16, 8, 8)))),
        ("ane-recurrent", op("lstm", SEQUENCE)),
        ("ane-gather", op("gather", SEQUENCE)),
        ("ane-scatter", op("scatter_nd", SEQUENCE)),
        ("ane-dilated-conv", op("conv", MAP, dilations=(1, 2))),
        ("ane-dynamic-shape", op("relu", tensor((None, 16, 8, 8), "float16"))),
        ("ane-rank", op("transpose", MAP, makes=tensor((1, 4, 4, 8, 8), "float16"))),
        ("ane-single-last-axis", op("reduce_mean", MAP, makes=tensor((1, 16, 8, 1), "float16"))),
        ("ane-linear", op("linear", SEQUENCE)),
        ("ane-quantised", op("quantize", MAP, makes=tensor((1, 16, 8, 8), "int8"))),
    ],
)
def test_each_rule_finds_its_one_place(rule: str, step: tuple) -> None:
    assert found(graph("coreml", step)) == {rule: 1}


def test_all_rules_are_tried_here() -> None:
    mark = next(m for m in test_each_rule_finds_its_one_place.pytestmark)
    assert {rule for rule, _ in mark.args[1]} == {rule.id for rule in RULES}


def test_a_pooled_vector_and_a_lying_strip_waste_no_rows() -> None:
    pooled = op("reduce_mean", MAP, makes=tensor((1, 16, 1, 1), "float16"))
    lying = op("reduce_mean", MAP, makes=tensor((1, 16, 1, 8), "float16"))
    assert found(graph("coreml", pooled)) == found(graph("coreml", lying)) == {}


def test_the_rules_are_about_core_ml_files_alone() -> None:
    assert found(graph("tflite", op("CONV_2D", tensor((1, 8, 8, 16))))) == {}
