"""What all lowerings share: transposes by fewer axes, operators written out."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edgebench.converters.lowering.axes import merged, steps
from edgebench.converters.lowering.functions import written_out
from edgebench.converters.onnx.reference import session


@given(
    shape=st.lists(st.integers(1, 3), min_size=1, max_size=8),
    chance=st.randoms(use_true_random=False),
)
def test_a_transpose_by_steps_of_five_axes_is_the_transpose(shape: list[int], chance) -> None:
    perm = list(range(len(shape)))
    chance.shuffle(perm)
    x = np.arange(np.prod(shape)).reshape(shape)
    y = x
    for extents, moves in steps(shape, perm, 5):
        assert len(extents) <= 5
        y = y.reshape(extents).transpose(moves)
    np.testing.assert_array_equal(y.ravel(), x.transpose(perm).ravel())


def test_axes_that_stay_together_are_one() -> None:
    # A partition into windows: (N, rows, height, columns, width, C).
    assert merged((1, 2, 4, 3, 4, 6), (0, 1, 3, 2, 4, 5)) == ((2, 4, 3, 24), (0, 2, 1, 3))
    assert list(steps((1, 5, 1), (2, 1, 0), 5)) == []


@pytest.mark.parametrize(
    ("op", "attributes", "weights", "opset"),
    [
        ("Swish", {}, {}, 24),
        ("MeanVarianceNormalization", {}, {}, 9),
        ("MeanVarianceNormalization", {"axes": [1]}, {}, 17),
        ("RMSNormalization", {}, {"scale": np.array([1, 2, 3, 4, 5], np.float32)}, 23),
        ("CenterCropPad", {}, {"sizes": np.array([2, 5, 3, 5])}, 18),
    ],
)
def test_an_operator_written_out_computes_the_same(
    op: str, attributes: dict[str, object], weights: dict[str, np.ndarray], opset: int
) -> None:
    shape = (2, 3, 4, 5)
    node = helper.make_node(op, ["x", *weights], ["y"], **attributes)
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    made = written_out(model, known=())
    assert op not in {node.op_type for node in made.graph.node}
    x = np.random.default_rng(0).normal(1, 1, shape).astype(np.float32)
    # ONNX Runtime has no Swish of its own yet: its definition stands in.
    wanted = x / (1 + np.exp(-x)) if op == "Swish" else session(model).run(None, {"x": x})[0]
    np.testing.assert_allclose(session(made).run(None, {"x": x})[0], wanted, atol=1e-5)


def test_known_operators_and_loops_stay() -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Range", ["zero", "n", "one"], ["r"]),
            helper.make_node("HardSwish", ["r"], ["y"]),
        ],
        "two",
        [helper.make_tensor_value_info("n", TensorProto.FLOAT, [])],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(np.float32(k), name) for k, name in ((0, "zero"), (1, "one"))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    assert written_out(model, known={"HardSwish"}) is model
