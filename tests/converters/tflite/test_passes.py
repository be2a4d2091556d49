"""Each pass leaves the function unchanged, and does what it is for."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from graphs import formed_files, lowered, model, random_sample, reference
from onnx import helper

from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import session
from edgebench.converters.passes.fold_gelu import fold_gelu
from edgebench.converters.passes.fold_hard_swish import fold_hard_swish
from edgebench.converters.passes.join_hard_swish import join_hard_swish
from edgebench.converters.passes.pipelines import Pass, Pipeline, formed
from edgebench.converters.passes.spread_hard_swish import spread_hard_swish
from edgebench.converters.tflite import inspect

RNG = np.random.default_rng(0)


def run(before: onnx.ModelProto, passes: tuple[Pass, ...]) -> onnx.ModelProto:
    return formed(OnnxGraph(before, "test", "file", ""), Pipeline(passes)).graph.model


def ops(made: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in made.graph.node)


def conv(x: str, w: str, y: str) -> onnx.NodeProto:
    return helper.make_node("Conv", [x, w], [y])


def coordinate_strips() -> onnx.ModelProto:
    """As in coordinate attention: one h-swish read by two convolutions behind a split."""
    weights = {
        "sizes": np.array([4, 4]),
        "v": RNG.standard_normal((3, 4, 1, 1), dtype=np.float32),
    }
    nodes = [
        helper.make_node("HardSwish", ["x"], ["h"], name="act"),
        helper.make_node("Split", ["h", "sizes"], ["rows", "columns"], axis=2),
        helper.make_node("Transpose", ["columns"], ["turned"], perm=[0, 1, 3, 2]),
        conv("rows", "v", "y"),
        conv("turned", "v", "z"),
    ]
    return model(nodes, {"x": (1, 4, 8, 1)}, ["y", "z"], weights)


def gated() -> onnx.ModelProto:
    """An h-swish that something else than a convolution reads too."""
    weights = {"v": RNG.standard_normal((4, 4, 1, 1), dtype=np.float32)}
    nodes = [
        helper.make_node("HardSwish", ["x"], ["h"], name="act"),
        conv("h", "v", "g"),
        helper.make_node("Mul", ["h", "g"], ["y"]),
    ]
    return model(nodes, {"x": (1, 4, 8, 8)}, ["y"], weights)


@pytest.mark.parametrize("build", [coordinate_strips, gated])
def test_spread_hard_swish_keeps_the_function(build) -> None:
    before = build()
    sample = random_sample(before)
    after = run(before, (spread_hard_swish,))
    for got, want in zip(reference(after, sample), reference(before, sample), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_spread_hard_swish_folds_the_sixth_into_convolutions() -> None:
    after = spread_hard_swish(coordinate_strips())
    assert "HardSwish" not in ops(after)
    assert ops(after)["Mul"] == 1


def test_spread_hard_swish_multiplies_where_it_cannot_fold() -> None:
    assert ops(spread_hard_swish(gated()))["Mul"] == 3


def test_a_spread_hard_swish_does_not_come_back_in_the_file() -> None:
    before = gated()
    for precision in ("int8", "int16x8"):
        samples = [random_sample(before, seed) for seed in range(3)]
        file = formed_files(before, [precision], samples)[precision]
        assert "HARD_SWISH" not in inspect.summary(file).ops


def gelu(order: str) -> onnx.ModelProto:
    weights = {
        "root": np.array(np.sqrt(2), np.float32),
        "one": np.array(1, np.float32),
        "half": np.array(0.5, np.float32),
    }
    nodes = [
        helper.make_node("Div", ["x", "root"], ["s"]),
        helper.make_node("Erf", ["s"], ["e"]),
        helper.make_node("Add", ["e", "one"], ["p"]),
    ]
    nodes += {
        "x first": [
            helper.make_node("Mul", ["x", "p"], ["m"]),
            helper.make_node("Mul", ["m", "half"], ["y"]),
        ],
        "half first": [
            helper.make_node("Mul", ["half", "p"], ["m"]),
            helper.make_node("Mul", ["x", "m"], ["y"]),
        ],
        "half x": [
            helper.make_node("Mul", ["x", "half"], ["m"]),
            helper.make_node("Mul", ["m", "p"], ["y"]),
        ],
    }[order]
    return model(nodes, {"x": (1, 4, 8, 8)}, ["y"], weights)


def assert_keeps_the_function(before: onnx.ModelProto, after: onnx.ModelProto) -> None:
    """Lowered to TFLite, and in ONNX Runtime, whose opset may be older than the operator."""
    sample = random_sample(before)
    wanted = reference(before, sample)[0]
    (found,) = session(after).run(None, sample)
    for one in (lowered(after, sample)[0], found):
        np.testing.assert_allclose(one, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("order", ["x first", "half first", "half x"])
def test_fold_gelu_finds_every_association_and_keeps_the_function(order) -> None:
    before = gelu(order)
    after = run(before, (fold_gelu,))
    assert ops(after) == {"Gelu": 1}
    assert_keeps_the_function(before, after)


def hard_swish(order: str, **numbers: float) -> onnx.ModelProto:
    known = {"three": 3.0, "zero": 0.0, "six": 6.0, "sixth": 1 / 6, **numbers}
    weights = {name: np.array(number, np.float32) for name, number in known.items()}
    nodes = [
        helper.make_node("Add", ["three", "x"], ["p"]),
        helper.make_node("Clip", ["p", "zero", "six"], ["c"]),
    ]
    nodes += {
        "product first": [
            helper.make_node("Mul", ["x", "c"], ["m"]),
            helper.make_node("Div", ["m", "six"], ["y"], name="last"),
        ],
        "sixth first": [
            helper.make_node("Mul", ["c", "sixth"], ["m"]),
            helper.make_node("Mul", ["m", "x"], ["y"], name="last"),
        ],
        "squared": [
            helper.make_node("Mul", ["c", "x"], ["m"]),
            helper.make_node("Mul", ["m", "x"], ["y"], name="last"),
        ],
        "six over": [
            helper.make_node("Mul", ["c", "x"], ["m"]),
            helper.make_node("Div", ["six", "m"], ["y"], name="last"),
        ],
        "read twice": [
            helper.make_node("Div", ["c", "six"], ["g"]),
            helper.make_node("Mul", ["g", "x"], ["m"]),
            helper.make_node("Add", ["m", "g"], ["y"], name="last"),
        ],
    }[order]
    return model(nodes, {"x": (1, 4, 8, 8)}, ["y"], weights, opset=12)


@pytest.mark.parametrize("order", ["product first", "sixth first"])
def test_fold_hard_swish_finds_every_spelling_and_keeps_the_function(order: str) -> None:
    before = hard_swish(order)
    after = run(before, (fold_hard_swish,))
    assert [(node.op_type, node.name) for node in after.graph.node] == [("HardSwish", "last")]
    assert_keeps_the_function(before, after)


def test_fold_hard_swish_leaves_what_is_none() -> None:
    for order in ("squared", "six over", "read twice"):
        assert "HardSwish" not in ops(fold_hard_swish(hard_swish(order)))
    for other in ({"three": 2.0}, {"zero": -1.0}, {"six": 5.0}):
        assert "HardSwish" not in ops(fold_hard_swish(hard_swish("product first", **other)))


def test_join_hard_swish_keeps_the_function() -> None:
    nodes = [
        helper.make_node("HardSigmoid", ["x"], ["g"], alpha=1 / 6, beta=0.5),
        helper.make_node("Mul", ["x", "g"], ["y"]),
    ]
    before = model(nodes, {"x": (1, 4, 8, 8)}, ["y"], opset=13)
    after = run(before, (join_hard_swish,))
    assert ops(after) == {"HardSwish": 1}
    assert_keeps_the_function(before, after)


def test_join_hard_swish_leaves_other_gates() -> None:
    nodes = [
        helper.make_node("HardSigmoid", ["x"], ["g"], alpha=0.2, beta=0.5),
        helper.make_node("Mul", ["x", "g"], ["y"]),
    ]
    before = model(nodes, {"x": (1, 4, 8, 8)}, ["y"])
    assert ops(run(before, (join_hard_swish,))) == ops(before)


def test_fold_gelu_leaves_what_is_no_gelu() -> None:
    before = gelu("x first")
    before.graph.initializer[1].CopyFrom(onnx.numpy_helper.from_array(np.float32(2), "one"))
    assert ops(fold_gelu(before))["Erf"] == 1
