"""Each rule on the smallest graph that has what it looks for, and on one that has not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lint_graphs import constant, graph, op, tensor, weights

from edgebench.converters.lint.all_rules import RULES
from edgebench.converters.lint.delegates import DELEGATES
from edgebench.converters.lint.graph import LintGraph, Quantised
from edgebench.converters.lint.kinds import TFLITE
from edgebench.converters.lint.rule import SEVERITIES, Subject, check
from edgebench.converters.lint.rules import (
    coreml_delegate,
    edgetpu,
    hexagon,
    litert_gpu,
    nnapi,
    phone_npus,
    shape,
    xnnpack,
)
from edgebench.converters.targets import FORMATS


def found(one: LintGraph, baseline: LintGraph | None = None) -> dict[str, int]:
    """The rules that apply, with the number of places."""
    return {
        finding.rule.id: len(finding.spots)
        for finding in check(Subject(one, baseline), RULES, DELEGATES)
    }


MAP = tensor((1, 8, 8, 16))
INT8 = tensor((1, 8, 8, 16), "int8", 0.1)
CONV = op("CONV_2D", INT8, weights(16, 1, 1, 16), weights(16), version=3)


def test_every_rule_has_an_id_of_its_own_a_source_with_a_date_and_a_remedy() -> None:
    assert not [id_ for id_, count in Counter(rule.id for rule in RULES).items() if count > 1]
    for rule in RULES:
        assert rule.severity in SEVERITIES
        assert rule.formats and rule.formats <= FORMATS.keys(), rule.id
        assert rule.delegate is None or rule.formats <= DELEGATES[rule.delegate].formats
        assert re.fullmatch(r"20\d\d-\d\d(-\d\d)?", rule.source.date)
        assert rule.source.title and rule.source.where
        for text in (rule.says, rule.remedy):
            assert text and not text.endswith("."), rule.id


@pytest.mark.parametrize(
    "taken",
    [
        litert_gpu.TAKEN,
        coreml_delegate.TAKEN,
        edgetpu.TAKEN,
        xnnpack.QUANTISED,
        hexagon.VERSIONS,
        nnapi.VERSIONS,
        phone_npus.MEDIATEK,
        phone_npus.SAMSUNG,
    ],
)
def test_tables_name_operations_that_exist(taken: frozenset[str]) -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    custom = {name for name in taken if not name.isupper()}
    assert set(taken) - custom <= set(vars(schema.BuiltinOperator))
    assert set(TFLITE) <= set(vars(schema.BuiltinOperator))


def test_a_clean_graph_has_no_warnings() -> None:
    clean = graph("tflite", CONV, op("ADD", INT8, INT8, version=2))
    warned = [
        one.rule.id
        for one in check(
            Subject(clean),
            RULES,
            ("xnnpack", "gpu", "edgetpu", "hexagon", "nnapi", "mediatek", "samsung"),
        )
        if one.rule.severity != "info"
    ]
    assert warned == []


def test_transposes_count_against_the_baseline() -> None:
    shuffled = graph("tflite", op("TRANSPOSE", MAP, constant(0, 3, 1, 2), perm=(0, 3, 1, 2)))
    assert found(shuffled)["layout-shuffle"] == 1
    assert "layout-shuffle" not in found(shuffled, shuffled)
    assert found(shuffled, graph("tflite", op("RELU", MAP)))["layout-shuffle"] == 1


@given(st.permutations(range(4)), st.tuples(*[st.sampled_from((1, 2, 3))] * 4))
def test_a_transpose_renames_axes_exactly_where_no_data_moves(
    perm: list[int], sizes: tuple[int, ...]
) -> None:
    one = graph("onnx", op("Transpose", tensor(sizes), perm=tuple(perm)))
    values = np.arange(np.prod(sizes)).reshape(sizes)
    stays = np.array_equal(values.transpose(perm).ravel(), values.ravel())
    assert shape.only_renames(one, one.ops[0]) == stays


def test_a_dimension_that_is_not_fixed_is_named() -> None:
    loose = graph("onnx", op("Relu", tensor((None, 3, 8, 8))))
    (finding,) = check(Subject(loose), RULES, ())
    assert finding.rule.id == "dynamic-dimension"
    assert finding.spots[0].op == "input 0.0" and finding.spots[0].detail == "?x3x8x8"


@pytest.mark.parametrize(
    ("first", "second", "odd"),
    [
        ((1, 8, 8, 16), (1, 1, 1, 16), False),
        ((1, 8, 8, 16), (1, 16), True),
        ((1, 2, 8, 8, 16), (1, 2, 8, 8, 16), True),
        ((1, 8, 8, 16), (1,), False),
    ],
)
def test_broadcasts_of_unlike_ranks_are_found(
    first: tuple[int, ...], second: tuple[int, ...], odd: bool
) -> None:
    one = graph("tflite", op("MUL", tensor(first), tensor(second)))
    assert ("odd-broadcast" in found(one)) == odd


def test_float_between_int8_is_an_island() -> None:
    island = graph(
        "tflite",
        CONV,
        op("DEQUANTIZE", INT8, makes=MAP),
        op("HARD_SWISH", MAP),
        op("QUANTIZE", MAP),
    )
    assert found(island)["float-island"] == 1
    assert "float-island" not in found(graph("tflite", op("CONV_2D", MAP), op("HARD_SWISH", MAP)))


def test_a_float_convolution_in_a_qdq_graph_is_an_island() -> None:
    pair = (op("QuantizeLinear", MAP, makes=INT8), op("DequantizeLinear", INT8, makes=MAP))
    whole = graph("onnx", *pair, op("Conv", MAP), *pair, op("Conv", MAP))
    broken = graph("onnx", *pair, op("Conv", MAP), op("Conv", MAP))
    assert "float-island" not in found(whole)
    assert found(broken)["float-island"] == 1


def test_a_pair_that_only_rescales_is_found() -> None:
    pair = graph("tflite", CONV, op("DEQUANTIZE", INT8, makes=MAP), op("QUANTIZE", MAP, makes=INT8))
    assert found(pair)["dequantise-quantise"] == 1


def test_a_concatenation_of_two_scales_is_an_error() -> None:
    other = tensor((1, 8, 8, 16), "int8", 0.2)
    mixed = graph("tflite", op("CONCATENATION", INT8, other, axis=3))
    alike = graph("tflite", op("CONCATENATION", INT8, INT8, axis=3))
    assert found(mixed)["unequal-scales"] == 1
    assert "unequal-scales" not in found(alike)


def test_a_sigmoid_has_the_scale_that_its_format_fixes() -> None:
    right = tensor((1, 8), "int8", 1 / 256)
    assert found(graph("tflite", op("LOGISTIC", right, makes=right)))["wrong-fixed-scale"] == 1
    right = replace(right, quantised=Quantised((1 / 256,), (-128,)))
    assert "wrong-fixed-scale" not in found(graph("tflite", op("LOGISTIC", right, makes=right)))


def test_what_the_runtime_divides_or_refuses_is_said() -> None:
    whole = replace(graph("tflite", op("RELU", MAP)), partitions=1, outside={})
    cut = replace(whole, partitions=3, outside={"SPLIT_V": 2})
    assert not {"xnnpack-partitions", "xnnpack-outside", "refused"} & found(whole).keys()
    assert {"xnnpack-partitions", "xnnpack-outside"} <= found(cut, whole).keys()
    assert "xnnpack-partitions" not in found(cut, cut)
    assert "refused" in found(replace(whole, refused="it is too long"))


@pytest.mark.parametrize(
    ("rule", "steps"),
    [
        ("gpu-op", (op("UNIQUE", MAP),)),
        ("gpu-condition", (op("SLICE", tensor((8, 16)), constant(0, 0), constant(1, 1)),)),
        ("gpu-condition", (op("STRIDED_SLICE", MAP, shrinkAxisMask=1),)),
        ("gpu-channels", (op("CONV_2D", MAP, makes=tensor((1, 8, 8, 18))),)),
        ("gpu-int8", (CONV,)),
        ("xnnpack-int8", (CONV, op("HARD_SWISH", INT8))),
        ("nnapi-op", (op("BROADCAST_TO", MAP),)),
        ("nnapi-condition", (op("CONV_2D", INT8, weights(1), weights(1), version=6),)),
        ("coreml-delegate-int8", (CONV,)),
        ("coreml-delegate-op", (op("SLICE", MAP, constant(0), constant(1)),)),
        ("coreml-delegate-condition", (op("MUL", MAP, tensor((1, 8, 1, 16))),)),
        ("coreml-delegate-condition", (op("CONCATENATION", MAP, MAP, axis=1),)),
        ("coreml-delegate-condition", (op("MEAN", MAP, constant(1, 2), keepDims=False),)),
        ("coreml-delegate-version", (op("CONV_2D", MAP, version=2),)),
        ("hexagon-float", (op("CONV_2D", MAP),)),
        ("hexagon-op", (CONV, op("SPLIT_V", INT8))),
        ("hexagon-condition", (op("FULLY_CONNECTED", INT8, weights(4, 16, scales=4), version=4),)),
        ("edgetpu-float", (op("CONV_2D", MAP),)),
        ("edgetpu-op", (CONV, op("HARD_SWISH", INT8))),
        ("edgetpu-condition", (CONV, op("MEAN", INT8, constant(0), keepDims=True))),
    ],
)
def test_a_delegate_refuses(rule: str, steps: tuple) -> None:
    assert found(graph("tflite", *steps)).get(rule) == 1


@pytest.mark.parametrize(
    ("rule", "steps"),
    [
        ("gpu-condition", (op("SLICE", MAP, constant(0), constant(1)),)),
        ("gpu-channels", (op("CONV_2D", MAP),)),
        ("coreml-delegate-condition", (op("MUL", MAP, tensor((1, 1, 1, 16))),)),
        ("coreml-delegate-condition", (op("MUL", MAP, tensor((1, 8, 8, 1))),)),
        ("coreml-delegate-condition", (op("CONCATENATION", MAP, MAP, axis=3),)),
        ("coreml-delegate-condition", (op("MEAN", MAP, constant(1, 2), keepDims=True),)),
        ("coreml-delegate-version", (op("DEPTHWISE_CONV_2D", MAP, version=2),)),
        ("hexagon-condition", (op("FULLY_CONNECTED", INT8, weights(4, 16), version=4),)),
        ("edgetpu-condition", (CONV, op("MEAN", INT8, constant(1, 2), keepDims=True))),
        ("nnapi-condition", (op("CONV_2D", INT8, weights(1), weights(1), version=5),)),
    ],
)
def test_a_delegate_takes(rule: str, steps: tuple) -> None:
    assert rule not in found(graph("tflite", *steps))


def test_only_the_delegates_asked_for_are_heard_and_the_gravest_come_first() -> None:
    other = tensor((1, 8, 8, 16), "int8", 0.2)
    one = graph("tflite", CONV, op("CONCATENATION", INT8, other, axis=3), op("HARD_SWISH", INT8))
    findings = check(Subject(one), RULES, ("edgetpu",))
    assert {finding.rule.delegate for finding in findings} == {None, "edgetpu"}
    order = [SEVERITIES.index(finding.rule.severity) for finding in findings]
    assert order == sorted(order, reverse=True) and len(set(order)) > 1


def test_a_split_into_several_sizes_leaves_the_npus_of_two_vendors() -> None:
    split = graph("tflite", op("SPLIT_V", MAP))
    assert {"mediatek-op", "samsung-op"} <= found(split).keys()
    sliced = graph("tflite", op("SLICE", MAP))
    assert not {"mediatek-op", "samsung-op"} & found(sliced).keys()


def test_integers_of_64_bits_are_constants_only_for_mediatek() -> None:
    wide = tensor((1, 4), "int64")
    assert found(graph("tflite", op("ADD", wide, wide)))["mediatek-int64"] == 1
    assert "mediatek-int64" not in found(graph("tflite", CONV))
